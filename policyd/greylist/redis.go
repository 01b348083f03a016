package greylist

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"postern/internal/redisserver"
)

// RedisOptions of a [Redis]. Client and Key must be set.
type RedisOptions struct {
	Client redis.UniversalClient // without retries: the budget is short
	Key    []byte                // by which addresses are hashed: the same on all hosts, 16 bytes at least
	Budget time.Duration         // of a decision: 20 ms
}

// keyPrefix of all keys; the hash tag keeps a decision within one slot of a Cluster.
const keyPrefix = "{postern}:grey:"

// shortestKey is that of RFC 2104's least for 128 bits of strength.
const shortestKey = 16

// Redis is a [Store] that hosts share. The server's clock counts; see the
// package comment for what it holds.
type Redis struct {
	options     RedisOptions
	judge, pass *redis.Script
}

// NewRedis makes a store at a server. It connects nothing yet.
func NewRedis(o RedisOptions) (*Redis, error) {
	if o.Client == nil {
		return nil, errors.New("greylist: the Redis client is missing")
	}
	if len(o.Key) < shortestKey {
		return nil, fmt.Errorf("greylist: the key that addresses are hashed by has %d bytes: make it %d random bytes at least, the same on all hosts", len(o.Key), shortestKey)
	}
	if o.Budget <= 0 {
		o.Budget = 20 * time.Millisecond
	}
	return &Redis{options: o, judge: redis.NewScript(judgeScript), pass: redis.NewScript(passScript)}, nil
}

// Judge implements [Store].
func (r *Redis) Judge(ctx context.Context, v Visit, t Terms, peek bool) (Standing, error) {
	keys, groups := r.keys(&v)
	record := 1
	if peek {
		record = 0
	}
	reply, err := r.run(ctx, r.judge, keys,
		groups, t.AutoPass, t.renewal().Milliseconds(), t.Delay.Milliseconds(), t.RetryWindow.Milliseconds(), messageName(v.Message), record)
	if err != nil {
		return Standing{}, err
	}
	if len(reply) != 7 {
		return Standing{}, fmt.Errorf("redis: %d values where a standing has 7", len(reply))
	}
	s := Standing{Renew: reply[1] == 1, Known: reply[4] == 1, Wait: time.Duration(reply[6]) * time.Millisecond}
	if reply[5] != 0 {
		s.First = time.UnixMilli(reply[5])
	}
	for i, n := 0, 0; i < len(v.Trust); i++ { // the script counts those that are not empty
		if v.Trust[i] == "" {
			continue
		}
		s.Passes[i] = int(reply[2+n])
		if n++; reply[0] == int64(n) {
			s.Trusted = v.Trust[i]
		}
	}
	return s, nil
}

// Pass implements [Store].
func (r *Redis) Pass(ctx context.Context, v Visit, t Terms) (waited bool, err error) {
	keys, groups := r.keys(&v)
	if len(keys) == 0 {
		return false, nil
	}
	reply, err := r.run(ctx, r.pass, keys,
		groups, t.AutoPass, t.AutoPassLifetime.Milliseconds(), t.PassLifetime.Milliseconds(), messageName(v.Message))
	if err != nil {
		return false, err
	}
	return len(reply) == 1 && reply[0] == 1, nil
}

// run runs a script within the budget.
func (r *Redis) run(ctx context.Context, script *redis.Script, keys []string, args ...any) ([]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, r.options.Budget)
	defer cancel()
	reply, err := script.Run(ctx, r.options.Client, keys, args...).Int64Slice()
	if err != nil {
		return nil, fmt.Errorf("redis: %s", redisserver.Cause(err))
	}
	return reply, nil
}

// keys are those of the groups to be trusted, and of the triplet if there is one.
func (r *Redis) keys(v *Visit) (keys []string, groups int) {
	keys = make([]string, 0, len(v.Trust)+1)
	for _, g := range v.Trust {
		if g != "" {
			keys = append(keys, groupKey(r.group(g)))
		}
	}
	groups = len(keys)
	if v.Owner != "" {
		keys = append(keys, tripletKey(r.group(v.Group), r.sender(v.Sender), r.part("owner", v.Owner)))
	}
	return keys, groups
}

func groupKey(group string) string { return keyPrefix + "g:" + group }

func tripletKey(group, sender, owner string) string {
	return keyPrefix + "t:" + group + ":" + sender + ":" + owner
}

// group names a group: its kind, and a hash.
func (r *Redis) group(g Group) string {
	kind := "network-"
	switch {
	case strings.HasPrefix(string(g), poolPrefix):
		kind = "pool-"
	case strings.HasPrefix(string(g), spfPrefix):
		kind = "spf-"
	}
	return kind + r.part("group", string(g))
}

// nullSender stands for the null sender; no hash is so short.
const nullSender = "null"

func (r *Redis) sender(domain string) string {
	if domain == "" {
		return nullSender
	}
	return r.part("sender", domain)
}

// part is 96 bits of a keyed hash.
func (r *Redis) part(what, value string) string {
	mac := hmac.New(sha256.New, r.options.Key)
	mac.Write([]byte("postern greylist " + what + "\x00" + value))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:12])
}

// messageName is empty for a message that is not known.
func messageName(m uint64) string {
	if m == 0 {
		return ""
	}
	return strconv.FormatUint(m, 36)
}
