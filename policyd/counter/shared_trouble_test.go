package counter

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2/server"

	"postern/internal/redisserver"
)

// TestSharedLostReply: a batch whose reply is lost is added once, and memory
// counts it until that is known.
func TestSharedLostReply(t *testing.T) {
	for _, added := range []bool{true, false} {
		t.Run(map[bool]string{true: "after it was added", false: "before"}[added], func(t *testing.T) {
			now := newClock()
			mini := startMini(t, now)
			var losing atomic.Bool
			h := shareAt(t, "", now, SharedOptions{Redis: redisThat(t, mini.server.Addr(), func(script string) reaction {
				switch {
				case !losing.Load() || !strings.Contains(script, addScript[:40]):
					return answer
				case added:
					return loseAfter
				}
				return loseBefore
			})})
			s := subject{store: h, clock: now}
			d := Debit{Rule: "r", Key: "k", Windows: per(10, 24*time.Hour), Total: 1}
			h.away(errors.New("test"))
			for range 4 {
				s.one(t, d)
			}
			losing.Store(true)
			for range 3 {
				h.rounds(t, false)
			}
			if o := s.one(t, d); o.Remaining != 5 {
				t.Errorf("in memory: %+v", o)
			}
			losing.Store(false)
			h.rounds(t, true)
			d.Total = 0
			if o := s.one(t, d); o.Remaining != 5 {
				t.Errorf("in Redis: %+v", o)
			}
			if h.merge.pending != nil || h.merge.settled != nil || h.local.Len() != 0 {
				t.Errorf("left: %+v, %d counters", h.merge, h.local.Len())
			}
		})
	}
}

// TestSharedLostDecision: a message that was charged and whose reply was lost
// is charged once when Postfix asks again.
func TestSharedLostDecision(t *testing.T) {
	now := newClock()
	mini := startMini(t, now)
	var losing atomic.Bool
	losing.Store(true)
	r := redisThat(t, mini.server.Addr(), func(string) reaction {
		if losing.Load() {
			return loseAfter
		}
		return answer
	})
	d := Debit{Rule: "r", Key: "k", Windows: per(10, time.Hour), Unit: "u", Message: "m"}
	trouble := r.Charge(t.Context(), []Debit{d}, make([]Outcome, 1), false)
	if _, ok := errors.AsType[*RedisError](trouble); !ok || !strings.Contains(trouble.Error(), "connection lost") {
		t.Fatal(trouble)
	}
	losing.Store(false)
	s := subject{store: r}
	for range 2 {
		if o := s.one(t, d); !o.Fits || o.Cost != 0 || o.Remaining != 9 {
			t.Errorf("%+v", o)
		}
	}
}

// reaction is what a proxy does with a script.
type reaction int

const (
	answer reaction = iota
	loseBefore
	loseAfter
)

// redisThat is a store behind a proxy that loses what it is told to.
func redisThat(t *testing.T, at string, react func(script string) reaction) *Redis {
	t.Helper()
	proxy, err := server.NewServer("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	behind := redisAt(t, "redis://"+at, redisserver.Options{})
	texts := map[string]string{}
	for _, text := range []string{chargeScript, addScript, beatScript} {
		texts[newScript(text).sha] = text
	}
	proxy.Register("EVALSHA", func(c *server.Peer, _ string, args []string) {
		text := texts[args[0]]
		does := react(text)
		if does == loseBefore {
			c.Close()
			return
		}
		all := []any{"EVAL", text}
		for _, a := range args[1:] {
			all = append(all, a)
		}
		reply, err := behind.client.Do(context.Background(), all...).Result()
		if does == loseAfter {
			c.Close()
			return
		}
		write(c, reply, err)
	})
	return redisAt(t, "redis://"+proxy.Addr().String(), redisserver.Options{})
}

func write(c *server.Peer, reply any, err error) {
	switch reply := reply.(type) {
	case []any:
		c.WriteLen(len(reply))
		for _, r := range reply {
			write(c, r, nil)
		}
	case string:
		c.WriteBulk(reply)
	case int64:
		c.WriteInt(int(reply))
	default:
		c.WriteError(err.Error())
	}
}

// TestSharedRefusals: whatever Redis says, a decision is made.
func TestSharedRefusals(t *testing.T) {
	for _, reply := range []string{
		"LOADING Redis is loading the dataset in memory", "READONLY You can't write against a read only replica.",
		"MASTERDOWN Link with MASTER is down", "NOAUTH Authentication required.", "OOM command not allowed when used memory > 'maxmemory'.",
		"MISCONF Redis is configured to save", "NOREPLICAS Not enough good replicas to write.", "CLUSTERDOWN Hash slot not served",
		"BUSY Redis is busy running a script.", "ERR max number of clients reached", "NOSCRIPT No matching script.", "NOPERM no",
	} {
		t.Run(reply, func(t *testing.T) {
			now := newClock()
			mini := startMini(t, now)
			h := shareAt(t, "redis://"+mini.server.Addr(), now, SharedOptions{})
			s := subject{store: h, clock: now}
			d := Debit{Rule: "r", Key: "k", Windows: per(3, time.Hour), Total: 1}
			s.one(t, d)
			mini.server.SetError(reply)
			err := h.redis.Charge(t.Context(), []Debit{d}, make([]Outcome, 1), false)
			if _, ok := errors.AsType[*RedisError](err); !ok {
				t.Fatalf("%v is not trouble", err)
			}
			if got := s.fitting(t, d); got != 3 {
				t.Errorf("%d fit in memory", got)
			}
			h.rounds(t, false)
			mini.server.SetError("")
			h.rounds(t, true)
			h.logged(t, "Redis is away", "Redis is back")
			if o := s.one(t, d); o.Fits {
				t.Errorf("%+v", o)
			}
		})
	}
}

// TestRedisMalformed: replies that are none of ours, cut ones and counters that
// somebody else wrote are trouble, never numbers.
func TestRedisMalformed(t *testing.T) {
	replies := map[string]string{
		"empty": "*0\r\n", "short": "*2\r\n$1\r\n1\r\n$1\r\n1\r\n", "long": "*5\r\n$1\r\n1\r\n$1\r\n1\r\n$1\r\n1\r\n$1\r\n0\r\n$1\r\n0\r\n",
		"integers": "*4\r\n:1\r\n:1\r\n:1\r\n:0\r\n", "words": "*4\r\n$1\r\n1\r\n$1\r\nx\r\n$1\r\n1\r\n$1\r\n0\r\n",
		"nil": "$-1\r\n", "nan": "*4\r\n$1\r\n1\r\n$3\r\nnan\r\n$1\r\n1\r\n$1\r\n0\r\n", "negative": "*4\r\n$1\r\n1\r\n$2\r\n-1\r\n$1\r\n1\r\n$1\r\n0\r\n",
		"status": "+OK\r\n", "cut": "*4\r\n$1\r\n1\r\n$1\r", "no protocol": "HTTP/1.1 400 Bad Request\r\n\r\n",
	}
	for name, reply := range replies {
		t.Run(name, func(t *testing.T) {
			fake, err := server.NewServer("127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer fake.Close()
			fake.Register("EVALSHA", func(c *server.Peer, _ string, _ []string) {
				c.Block(func(w *server.Writer) { w.WriteRaw(reply) })
				c.Flush()
				c.Close()
			})
			r := redisAt(t, "redis://"+fake.Addr().String(), redisserver.Options{})
			o := []Outcome{{Cost: 77}}
			err = r.Charge(t.Context(), []Debit{{Rule: "r", Key: "k", Windows: per(3, time.Hour), Total: 1}}, o, false)
			if _, ok := errors.AsType[*RedisError](err); !ok || o[0] != (Outcome{Cost: 77}) {
				t.Errorf("%v, %+v", err, o[0])
			}
		})
	}
	for _, value := range []string{"", "x", "1 2", "nonsense of others"} {
		t.Run("counter "+value, func(t *testing.T) {
			now := newClock()
			mini := startMini(t, now)
			s := subject{store: mini, clock: now}
			d := Debit{Rule: "r", Key: "k", Windows: per(3, time.Hour), Total: 1}
			s.one(t, d)
			mini.server.Set(mini.server.Keys()[0], value)
			if err := mini.Charge(t.Context(), []Debit{d}, make([]Outcome, 1), false); err == nil || !strings.Contains(err.Error(), "malformed") {
				t.Error(err)
			}
		})
	}
}
