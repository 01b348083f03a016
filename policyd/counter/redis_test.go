package counter

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"postern/internal/redisserver"
)

// redisAt is a store at a location; its client is closed with the test.
func redisAt(tb testing.TB, at string, o redisserver.Options) *Redis {
	tb.Helper()
	l, err := redisserver.Parse(at)
	if err != nil {
		tb.Fatal(err)
	}
	client := l.Client(o)
	tb.Cleanup(func() { client.Close() })
	r, err := NewRedis(RedisOptions{Client: client, Secret: []byte("a secret of tests")})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// miniStore is a store in a server whose time is that of a clock.
type miniStore struct {
	*Redis
	server *miniredis.Miniredis
	clock  *clock
	last   time.Time
}

func startMini(t *testing.T, now *clock) *miniStore {
	m := &miniStore{server: miniredis.RunT(t), clock: now, last: now.Now()}
	m.Redis = redisAt(t, "redis://"+m.server.Addr(), redisserver.Options{})
	m.tick()
	return m
}

// tick is for one goroutine, or for a clock that stands still.
func (m *miniStore) tick() {
	now := m.clock.Now()
	m.server.SetTime(now)
	if d := now.Sub(m.last); d != 0 {
		m.last = now
		m.server.FastForward(max(d, 0))
	}
}

func (m *miniStore) Charge(ctx context.Context, debits []Debit, outcomes []Outcome, peek bool) error {
	m.tick()
	return m.Redis.Charge(ctx, debits, outcomes, peek)
}

func TestRedisConformance(t *testing.T) {
	testStore(t, redisSlack, func(t *testing.T, now *clock) Store { return startMini(t, now) })
}

// redisSlack is what Lua's numbers are off by, in units.
const redisSlack = 0.001

// TestRedisLayout pins what other versions have to read.
func TestRedisLayout(t *testing.T) {
	now := newClock()
	m := startMini(t, now)
	s := subject{m, now, redisSlack}
	s.one(t, Debit{Rule: "per-login", Key: "bob@example.org", Windows: []Window{{500, 24 * time.Hour}, {10, time.Minute}}, Total: 3, Message: "mx1 4fG"})
	s.one(t, Debit{Rule: "rcpt", Key: "192.0.2.1", Windows: per(5, time.Hour), Unit: "alice@example.com", Message: "mx1 4fG"})
	now.add(30 * time.Second)
	s.one(t, Debit{Rule: "per-login", Key: "bob@example.org", Windows: []Window{{500, 24 * time.Hour}, {10, time.Minute}}, Total: 1})
	want := map[string]string{ // hashed with openssl dgst -sha256 -hmac
		"{postern}1:c:per-login:tN3qYAQSQmCPCuFCuYyL7g:60000000":    "60000000 1772366430000000 10",
		"{postern}1:c:per-login:tN3qYAQSQmCPCuFCuYyL7g:86400000000": "330600000000 1772366430000000 500",
		"{postern}1:c:rcpt:j-tdGcpksTRhSMGbq627kw:3600000000":       "3600000000 1772366400000000 5",
	}
	message := map[string]string{
		"per-login:tN3qYAQSQmCPCuFCuYyL7g":                   "3",
		"rcpt:j-tdGcpksTRhSMGbq627kw":                        "1",
		"rcpt:j-tdGcpksTRhSMGbq627kw:av2lxMV7aUCpNiHpdX6yCQ": "1",
	}
	for key, value := range want {
		if got, err := m.server.Get(key); got != value || err != nil {
			t.Errorf("%s: %q, %v; want %q", key, got, err, value)
		}
	}
	for field, value := range message {
		if got := m.server.HGet("{postern}1:m:a1LA4xmY9bTcIv0btYfCzw", field); got != value {
			t.Errorf("%s: %q, want %q", field, got, value)
		}
	}
	if keys := m.server.Keys(); len(keys) != len(want)+1 {
		t.Errorf("keys %q", keys)
	}
	if fields, _ := m.server.HKeys("{postern}1:m:a1LA4xmY9bTcIv0btYfCzw"); len(fields) != len(message) {
		t.Errorf("fields %q", fields)
	}
	for key, ttl := range map[string]time.Duration{":60000000": time.Minute, ":86400000000": 24 * time.Hour, "}1:m:": time.Hour - 30*time.Second} {
		found := false
		for _, k := range m.server.Keys() {
			if !strings.Contains(k, key) {
				continue
			}
			found = true
			if got := m.server.TTL(k); got != ttl {
				t.Errorf("%s lives %v, want %v", k, got, ttl)
			}
		}
		if !found {
			t.Errorf("no key has %s", key)
		}
	}
}
