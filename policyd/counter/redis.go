package counter

import (
	"context"
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"postern/internal/redisserver"
)

// Redis keeps counters in a Redis server, for all hosts that ask it.
//
// # What is kept
//
// The layout has a version, the number after the tag; a program that writes
// another one uses another number and reads this one as well, so that hosts
// can be upgraded one by one. All keys hold the tag {postern}, and so are in
// one slot of a Cluster. HASH(x) is the first 16 bytes of HMAC-SHA256(Secret, x)
// in URL-safe base64 without padding.
//
//	{postern}1:c:RULE:HASH(key):WINDOW     string "LEVEL INSTANT N", a counter
//	{postern}1:m:HASH(message)             hash   RULE:HASH(key) → units paid,
//	                                              RULE:HASH(key):HASH(unit) → 1
//	{postern}1:b:BATCH                     string "1", a batch of [Shared] was added
//	{postern}1:hosts                       sorted set, who shares the counters
//
// WINDOW is its length in microseconds. LEVEL is in units times microseconds of
// the window, so that N of it drain in a microsecond and every number is an
// integer as long as N times WINDOW is below 2^53: 100,000 a day. Beyond, levels
// are rounded to 16 digits: a ten-thousandth of a byte of 10^12. INSTANT is when
// it was last charged, in microseconds of the server's clock (TIME), and N what
// the limit was then, 0 if it was only added to; it is no part of the name, so a
// changed limit keeps its count. A counter expires after its window, when it is empty in any case; a
// message is remembered for an hour after it was last charged for, even if that
// was nothing; a batch for a day.
//
// A counter takes about 180 bytes of the server's memory, a message 250.
//
// # One decision
//
// is one script and one round trip, whatever the number of debits. A reply
// that is lost or cut, and every refusal of the server (LOADING, READONLY,
// MASTERDOWN, NOAUTH, OOM, …), is an error; the message may have been charged
// then. To ask again is harmless: what a message has paid is kept with it. A
// debit without a message is charged again.
//
// # Clock
//
// When the server's clock went back, or a replica with another clock took
// over, a counter drains from the moment it is next charged or refused: it
// blocks no longer than its window from there.
//
// # Privacy
//
// No address, login, domain or message is in Redis, only hashes by Secret. Who
// knows Secret can test whether an address that he guesses was counted. All
// hosts that share counters need the same one; [Shared] warns if they differ.
// Without a Secret anybody who can read the server can test guesses.
//
// # Needs
//
// Redis 5 or later. An ACL user needs EVAL, EVALSHA, TIME, GET, SET, HGET, HSET,
// EXPIRE, ZADD, ZREM, ZRANGE and ZREMRANGEBYSCORE on keys {postern}1:*. Set
// maxmemory-policy noeviction: an evicted counter is an empty one.
type Redis struct {
	client   redis.UniversalClient
	names    *names
	charging script
	adding   script
	beating  script
}

// RedisOptions are the server and how it is used.
type RedisOptions struct {
	Client redis.UniversalClient // must not retry by itself; see redisserver.Options
	Secret []byte                // the same on all hosts; keys are hashed by it
}

//go:embed redis_charge.lua
var chargeScript string

// NewRedis makes a store of a server. It connects nothing; Client stays the
// caller's to close.
func NewRedis(o RedisOptions) (*Redis, error) {
	if o.Client == nil {
		return nil, errors.New("counters in Redis: no client is given")
	}
	return &Redis{
		client: o.Client, names: newNames(o.Secret),
		charging: newScript(chargeScript), adding: newScript(addScript), beating: newScript(beatScript),
	}, nil
}

// script is a text, and its name for EVALSHA.
type script struct{ text, sha string }

func newScript(text string) script {
	sum := sha1.Sum([]byte(text))
	return script{text, hex.EncodeToString(sum[:])}
}

// Charge implements Store.
func (r *Redis) Charge(ctx context.Context, debits []Debit, outcomes []Outcome, peek bool) error {
	for i := range debits {
		if err := debits[i].validate(); err != nil {
			return fmt.Errorf("charge: rule %q: %w", debits[i].Rule, err)
		}
	}
	if len(debits) == 0 {
		return nil
	}
	q := newChargeRequest(r.names, debits, peek)
	reply, err := r.run(ctx, r.charging, q.keys, q.arguments)
	if err != nil {
		return err
	}
	if err := readOutcomes(reply, debits, outcomes); err != nil {
		return &RedisError{cause: err.Error(), err: err}
	}
	return nil
}

// demoted is how many connections of the pool may lead to a master that was
// demoted. A script that such a server refused has done nothing.
const demoted = 16

// run has a script done at most once.
func (r *Redis) run(ctx context.Context, s script, keys []string, arguments []any) (reply any, err error) {
	for range demoted {
		reply, err = r.runOnce(ctx, s, keys, arguments)
		if redisserver.Refusal(err) != "READONLY" || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return nil, &RedisError{cause: redisserver.Cause(err), err: err}
	}
	return reply, nil
}

func (r *Redis) runOnce(ctx context.Context, s script, keys []string, arguments []any) (any, error) {
	cmd := newOnce(ctx, "evalsha", s.sha, keys, arguments)
	err := r.client.Process(ctx, cmd)
	if redisserver.Refusal(err) == "NOSCRIPT" {
		cmd = newOnce(ctx, "eval", s.text, keys, arguments)
		err = r.client.Process(ctx, cmd)
	}
	if err != nil {
		return nil, err
	}
	return cmd.Val(), nil
}

// once is a command that the library does not repeat by itself.
type once struct{ *redis.Cmd }

func newOnce(ctx context.Context, command, script string, keys []string, arguments []any) once {
	all := make([]any, 0, 3+len(keys)+len(arguments))
	all = append(all, command, script, len(keys))
	for _, key := range keys {
		all = append(all, key)
	}
	cmd := redis.NewCmd(ctx, append(all, arguments...)...)
	cmd.SetFirstKeyPos(3)
	return once{cmd}
}

// NoRetry tells the library.
func (once) NoRetry() bool { return true }

// RedisError is trouble with the server, in a text that holds no key. The
// script may have been done all the same, unless the server refused it.
type RedisError struct {
	cause string
	err   error
}

// Error implements error.
func (e *RedisError) Error() string { return "counters in Redis: " + e.cause }

// Unwrap returns what the library said, which may quote data: not for logs.
func (e *RedisError) Unwrap() error { return e.err }

// microseconds is the length of a window as it stands in Redis.
func microseconds(per time.Duration) int64 { return max(1, per.Microseconds()) }
