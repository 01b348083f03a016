package envelope

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// keyPrefix is PostSRSd's.
const keyPrefix = "PostSRSd/"

// server is a Redis server with senders.
type server struct {
	client  *redis.Client
	options Options
	entries *atomic.Int64
	warned  atomic.Bool // of eviction
}

// openServer connects nothing yet.
func openServer(l location, o Options, entries *atomic.Int64) *server {
	d := dialer{location: l, timeout: o.Timeout}
	return &server{options: o, entries: entries, client: redis.NewClient(clientOptions(l, o.Timeout, d.dial))}
}

// poolSize is how many commands run at once.
const poolSize = 8

// clientOptions are those of a small pool. RESP2 is all that few commands need.
func clientOptions(l location, timeout time.Duration, dial func(context.Context, string, string) (net.Conn, error)) *redis.Options {
	o := &redis.Options{
		Network: l.network, Addr: l.servers[0], Dialer: dial,
		Username: l.user, Password: l.password, DB: l.database, Protocol: 2,
		PoolSize: poolSize, MaxActiveConns: poolSize, PoolTimeout: timeout, PipelinePoolSize: -1, ConnMaxIdleTime: 5 * time.Minute,
		MaxRetries: 1, MinRetryBackoff: 10 * time.Millisecond, MaxRetryBackoff: 10 * time.Millisecond,
		DialTimeout: timeout, ReadTimeout: timeout, WriteTimeout: timeout, ContextTimeoutEnabled: true,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if l.master != "" {
		o.MaxRetries = poolSize // every connection may lead to a master that was demoted
	}
	return o
}

func (s *server) get(ctx context.Context, key string) (string, bool, error) {
	address, err := s.client.Get(ctx, keyPrefix+key).Result()
	if errors.Is(err, redis.Nil) {
		return "", false, nil
	}
	return address, err == nil && address != "", err
}

// put always writes: asking first would cost as much.
func (s *server) put(ctx context.Context, key, address string) (string, error) {
	//lint:ignore SA1019 it is the command of PostSRSd, so a user's ACL that was made for that goes on doing
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
			"maxmemory_policy", bounded(policy))
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
