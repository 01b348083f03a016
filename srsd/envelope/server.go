package envelope

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"postern/internal/oneline"
	"postern/internal/redisserver"
)

// keyPrefix is PostSRSd's.
const keyPrefix = "PostSRSd/"

// server is a Redis server with senders.
type server struct {
	client  redis.UniversalClient
	options Options
	entries *atomic.Int64
	warned  atomic.Bool // of eviction
}

// poolSize is how many commands run at once.
const poolSize = 8

// openServer connects nothing yet. A repeated command does no harm.
func openServer(l redisserver.Location, o Options, entries *atomic.Int64) *server {
	client := l.Client(redisserver.Options{Timeout: o.Timeout, PoolSize: poolSize, Retries: 1})
	return &server{options: o, entries: entries, client: client}
}

func (s *server) get(ctx context.Context, key string) (string, bool, error) {
	address, err := s.client.Get(ctx, keyPrefix+key).Result()
	if errors.Is(err, redis.Nil) {
		return "", false, nil
	}
	return address, err == nil && address != "", err
}

// put always writes: asking first would cost as much. SETEX is deprecated, and
// the command of PostSRSd, so a user's ACL that was made for that goes on doing.
func (s *server) put(ctx context.Context, key, address string) (string, error) {
	return resultStored, s.client.SetEx(ctx, keyPrefix+key, address, s.options.Lifetime).Err()
}

// tend only counts: the server itself deletes what expired.
func (s *server) tend(ctx context.Context) error {
	n, err := s.count(ctx)
	if err != nil {
		return err
	}
	s.entries.Store(n)
	s.warnOfEviction(ctx)
	return nil
}

// warnOfEviction tells once that the server may drop senders before their
// time (maxmemory-policy, redis.conf). A server that does not say is believed.
func (s *server) warnOfEviction(ctx context.Context) {
	info, err := s.client.Info(ctx, "memory").Result()
	if err != nil {
		return
	}
	if policy := evicts(info); policy != "" && s.warned.CompareAndSwap(false, true) {
		s.options.Log.Warn("envelope store: the Redis server drops senders when its memory is full, bounces to them are lost; set maxmemory-policy noeviction",
			"maxmemory_policy", oneline.Log(policy))
	}
}

// evicts is the policy by which the server of this INFO makes room, or "".
func evicts(info string) (policy string) {
	limited := false
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "maxmemory":
			limited = value != "0"
		case "maxmemory_policy":
			policy = value
		}
	}
	if !limited || policy == "noeviction" {
		return ""
	}
	return policy
}

func (s *server) count(ctx context.Context) (int64, error) {
	return s.client.DBSize(ctx).Result()
}

func (s *server) close() error { return s.client.Close() }
