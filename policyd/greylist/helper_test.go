package greylist

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"postern/internal/logtest"
	"postern/internal/redisserver"
	"postern/policyd"
)

// clock is a time that only a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
	set func(time.Time) // told of each move, unless nil
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	if c.set != nil {
		c.set(c.now)
	}
}

// stores are the implementations, each with a clock of its own.
var stores = map[string]func(t testing.TB) (Store, *clock){
	"memory": func(testing.TB) (Store, *clock) {
		c := newClock()
		return NewMemory(MemoryOptions{Now: c.Now}), c
	},
	"redis": func(t testing.TB) (Store, *clock) {
		c, mini := newClock(), miniredis.RunT(t)
		c.set = mini.SetTime
		mini.SetTime(c.now)
		mini.ClockTTL(true)
		return newRedis(t, mini.Addr(), testKey), c
	},
}

const testKey = "0123456789abcdef"

// newRedis has a budget for a busy machine.
func newRedis(t testing.TB, address, key string) *Redis {
	t.Helper()
	return newRedisWithin(t, address, key, 10*time.Second)
}

func newRedisWithin(t testing.TB, address, key string, budget time.Duration) *Redis {
	t.Helper()
	location, err := redisserver.Parse("redis://" + address)
	if err != nil {
		t.Fatal(err)
	}
	client := location.Client(redisserver.Options{Timeout: budget})
	t.Cleanup(func() { client.Close() })
	r, err := NewRedis(RedisOptions{Client: client, Key: []byte(key), Budget: budget})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// each runs a test with every store.
func each(t *testing.T, test func(t *testing.T, s Store, c *clock)) {
	for name, make := range stores {
		t.Run(name, func(t *testing.T) {
			s, c := make(t)
			test(t, s, c)
		})
	}
}

// broken is a store that is away.
type broken struct{ err error }

func (b broken) Judge(context.Context, Visit, Terms, bool) (Standing, error) {
	return Standing{}, b.err
}
func (b broken) Pass(context.Context, Visit, Terms) (bool, error) { return false, b.err }

var errAway = errors.New("redis: connection refused")

func newCheck(t testing.TB, o Options) *Check {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// chain is the check as mail meets it, before the checks that follow.
func chain(c *Check, then ...policyd.Check) *policyd.Policy {
	links := []policyd.Link{{Name: "greylist", Check: c, Mode: policyd.Enforce}}
	for i, check := range then {
		links = append(links, policyd.Link{Name: fmt.Sprint("then", i), Check: check, Mode: policyd.Enforce})
	}
	return &policyd.Policy{Default: links}
}

// refusal is a check that refuses whom it names.
type refusal string

func (r refusal) Check(_ context.Context, q *policyd.Request) (v policyd.Verdict, _ error) {
	if q.Recipient == string(r) {
		v.Action = policyd.Refuse(550, "5.7.1", "No")
	}
	return v, nil
}

// request is one at RCPT; attributes replace those before them.
func request(t testing.TB, client, sender, recipient string, attributes ...string) *policyd.Request {
	t.Helper()
	values := map[string]string{
		"protocol_state": "RCPT", "client_address": client, "client_name": "unknown", "sender": sender, "recipient": recipient, "instance": "1.2.3.4",
	}
	for _, a := range attributes {
		name, value, _ := strings.Cut(a, "=")
		values[name] = value
	}
	var text strings.Builder
	for name, value := range values {
		fmt.Fprintf(&text, "%s=%s\n", name, value)
	}
	q, err := policyd.Parse(text.String() + "\n")
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// logger writes to the log returned.
func logger() (*slog.Logger, *logtest.Log) {
	var l logtest.Log
	return slog.New(slog.NewTextHandler(&l, nil)), &l
}

// spfSays lets every client send for the domain that is set at the time.
func spfSays(domain *string) func(context.Context, *policyd.Request) (string, bool) {
	return func(context.Context, *policyd.Request) (string, bool) { return *domain, *domain != "" }
}
