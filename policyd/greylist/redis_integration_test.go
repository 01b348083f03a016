//go:build integration

package greylist

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
	"postern/policyd"
)

// redisServer is a real one.
type redisServer struct{ *scratch.Redis }

func startRedis(t *testing.T) redisServer {
	t.Helper()
	return redisServer{scratchtest.Redis(t, scratch.RedisOptions{})}
}

func (r redisServer) start(t *testing.T, more ...string) {
	t.Helper()
	must(t, r.Start(t.Context(), more...))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (r redisServer) do(t *testing.T, command ...any) any {
	t.Helper()
	return scratchtest.RedisDo(t, r.Redis, command...)
}

func (r redisServer) config(t *testing.T, name, value string) { r.do(t, "CONFIG", "SET", name, value) }

// back lets so much time pass for every row. The server's clock cannot be set,
// so what the rows say is moved.
func (r redisServer) back(t *testing.T, d time.Duration) {
	t.Helper()
	const script = `for _, key in ipairs(redis.call('KEYS', '*')) do
  for _, field in ipairs({'f', 'p'}) do
    local at = redis.call('HGET', key, field)
    if at then redis.call('HSET', key, field, string.format('%.0f', at - ARGV[1])) end
  end
  local left = redis.call('PTTL', key) - ARGV[1]
  if left <= 0 then redis.call('DEL', key) else redis.call('PEXPIRE', key, string.format('%.0f', left)) end
end
return 'moved'`
	r.do(t, "EVAL", script, 0, d.Milliseconds())
}

// host is one of several that share a server.
func host(t *testing.T, r redisServer, name string, o Options) *policyd.Policy {
	o.Store, o.Host = newRedis(t, r.Addr(), testKey), name
	return chain(newCheck(t, o))
}

func judge(t *testing.T, p *policyd.Policy, sender, instance, want string) {
	t.Helper()
	d, err := p.Judge(t.Context(), request(t, "192.0.2.1", sender, "user@mine.example", "instance="+instance))
	if got := d.Action.Name(); err != nil || got != want {
		t.Errorf("%s, %v; want %s", d.Action, err, want)
	}
}

func TestRealRedisTwoHosts(t *testing.T) {
	r := startRedis(t)
	a, b := host(t, r, "a", Options{AutoPass: 3}), host(t, r, "b", Options{AutoPass: 3})
	judge(t, a, "a@b.example", "1", "defer_if_permit")
	judge(t, b, "a@b.example", "1", "defer_if_permit")
	r.back(t, 58*time.Second)
	judge(t, b, "a@b.example", "2", "defer_if_permit")
	r.back(t, 3*time.Second)
	judge(t, b, "a@b.example", "3", "dunno")
	judge(t, a, "a@b.example", "3", "dunno")
	judge(t, a, "x@y.example", "4", "defer_if_permit")
	judge(t, a, "a@b.example", "5", "dunno")
	judge(t, b, "x@z.example", "6", "dunno") // trusted
	r.back(t, 36*24*time.Hour)
	judge(t, b, "a@b.example", "7", "defer_if_permit")
	r.back(t, 5*time.Hour)
	judge(t, b, "a@b.example", "8", "defer_if_permit")
}

// TestRealRedisRows: what is there, and how long it lives.
func TestRealRedisRows(t *testing.T) {
	r := startRedis(t)
	s := newRedis(t, r.Addr(), testKey)
	mustJudge(t, s, visit("b.example", 1), false)
	near := func(pattern string, want time.Duration) {
		t.Helper()
		keys, _ := r.do(t, "KEYS", pattern).([]any)
		if len(keys) == 0 {
			t.Fatal(pattern, " has no key")
		}
		for _, key := range keys {
			ms, _ := r.do(t, "PTTL", key).(int64)
			if life := time.Duration(ms) * time.Millisecond; life > want || life < want-time.Minute {
				t.Errorf("%s lives %v, want %v", key, life, want)
			}
		}
	}
	near("{postern}:grey:t:network-*", 5*time.Hour)
	mustNote(t, s, visit("b.example", 1))
	near("{postern}:grey:*", 36*24*time.Hour)
	entries, err := s.Entries(t.Context(), 10)
	if err != nil || len(entries) != 3 {
		t.Errorf("%+v, %v", entries, err)
	}
	if n, err := s.Release(t.Context(), "b.example", "user@mine.example", terms()); n != 0 || err != nil {
		t.Errorf("%d released, %v", n, err)
	}
}

// TestRealRedisAtOnce: many hosts, one triplet, one group.
func TestRealRedisAtOnce(t *testing.T) {
	r := startRedis(t)
	stores := []*Redis{newRedis(t, r.Addr(), testKey), newRedis(t, r.Addr(), testKey)}
	firsts, errs := make(chan bool, 40), make(chan error, 40)
	for i := range 40 {
		go func() {
			s, err := stores[i%2].Judge(context.WithoutCancel(t.Context()), visit("b.example", uint64(i+1)), terms(), false)
			if err == nil {
				_, err = stores[i%2].Pass(context.WithoutCancel(t.Context()), Visit{Trust: [2]Group{"g"}, Message: uint64(1 + i%3)}, terms())
			}
			firsts <- s.First.IsZero()
			errs <- err
		}()
	}
	n := 0
	for range 40 {
		if <-firsts {
			n++
		}
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if s := mustJudge(t, stores[0], Visit{Trust: [2]Group{"g"}}, true); n != 1 || s.Passes[0] != 3 {
		t.Errorf("%d first, %d passes; want 1 and 3", n, s.Passes[0])
	}
}

// TestRealRedisAway: killed, frozen, loading, full, a replica: all mail passes
// within the budget, and greylisting is back with the server.
func TestRealRedisAway(t *testing.T) {
	r := startRedis(t)
	log, text := logger()
	clock, n := newClock(), 0
	metrics := NewMetrics(prometheus.NewRegistry())
	p := chain(newCheck(t, Options{Store: newRedisWithin(t, r.Addr(), testKey, 200*time.Millisecond), Metrics: metrics, Log: log, Now: clock.Now}))
	for _, trouble := range []struct {
		name, want   string
		begin, ended func()
	}{
		{"killed", "connection refused", r.Kill, func() { r.start(t) }},
		{"frozen", "no answer in time", func() { must(t, r.Pause()) }, func() { must(t, r.Resume()) }},
		{"full", "maxmemory", func() { r.config(t, "maxmemory", "1") }, func() { r.config(t, "maxmemory", "0") }},
		{"replica", "READONLY", func() { r.do(t, "REPLICAOF", "127.0.0.1", "1") }, func() { r.do(t, "REPLICAOF", "NO", "ONE") }},
		{"loading", "LOADING", func() {
			r.do(t, "DEBUG", "POPULATE", 5000)
			r.do(t, "SAVE")
			r.Kill()
			r.start(t, "--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024")
		}, func() {}},
	} {
		t.Run(trouble.name, func(t *testing.T) {
			deferred := func() bool {
				n++
				d, err := p.Judge(t.Context(), request(t, "192.0.2.1", fmt.Sprintf("a@%d.example", n), "user@mine.example"))
				if err != nil {
					t.Fatal(err)
				}
				return !d.Action.IsDunno()
			}
			clock.add(calm)
			eventually(t, "greylisting is back", deferred)
			text.Take()
			before := testutil.ToFloat64(metrics.storeErrors)
			trouble.begin()
			start := time.Now()
			for range 3 {
				if deferred() {
					t.Error("mail was deferred without a store")
				}
			}
			if d := time.Since(start); d > 5*time.Second { // a busy host is forgiven much
				t.Errorf("three decisions took %v", d)
			}
			if errs := testutil.ToFloat64(metrics.storeErrors) - before; errs != 3 {
				t.Errorf("%v errors counted, want 3", errs)
			}
			if log := text.String(); strings.Count(log, "level=WARN") != 1 || !strings.Contains(log, trouble.want) {
				t.Errorf("log: %s", log)
			}
			trouble.ended()
			eventually(t, "greylisting is back", deferred)
		})
	}
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not in a minute: " + what)
		}
	}
}

// TestRealRedisLogin: the rights that the package comment names are enough.
func TestRealRedisLogin(t *testing.T) {
	r := startRedis(t)
	r.do(t, append([]any{"ACL", "SETUSER", "grey", "on", ">s3cr3t", "~{postern}:*"}, rights()...)...)
	s := newRedis(t, "grey:s3cr3t@"+r.Addr(), testKey)
	c := newCheck(t, Options{Store: s})
	mustJudge(t, s, visit("b.example", 1), false)
	if n, err := c.Release(t.Context(), "", "a@b.example", "user@mine.example"); n != 1 || err != nil {
		t.Error(n, err)
	}
	if _, err := c.Release(t.Context(), "192.0.2.1", "", ""); err != nil {
		t.Error(err)
	}
	if entries, err := c.Entries(t.Context(), 0); len(entries) != 2 || err != nil {
		t.Error(entries, err)
	}
}

// rights are read from the package comment.
func rights() (words []any) {
	comment, err := os.ReadFile("doc.go")
	if err != nil {
		panic(err)
	}
	for word := range strings.FieldsSeq(string(comment)) {
		if strings.HasPrefix(word, "+") {
			words = append(words, strings.TrimRight(word, ".,"))
		}
	}
	return words
}
