//go:build integration

package greylist

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"

	"postern/internal/scratch"
	"postern/policyd"
)

// redisServer is a real one in a folder of its own.
type redisServer struct {
	dir, port string
	process   *exec.Cmd
	client    *redis.Client // of the test
}

func startRedis(t *testing.T) *redisServer {
	t.Helper()
	port, err := scratch.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	r := &redisServer{dir: t.TempDir(), port: strconv.Itoa(port)}
	r.start(t)
	t.Cleanup(func() { r.kill() })
	return r
}

func (r *redisServer) address() string { return "127.0.0.1:" + r.port }

func (r *redisServer) start(t *testing.T, more ...string) {
	t.Helper()
	r.process = exec.Command("redis-server", append([]string{
		"--bind", "127.0.0.1", "--port", r.port, "--dir", r.dir, "--save", "", "--appendonly", "no",
		"--enable-debug-command", "yes", "--logfile", filepath.Join(r.dir, "log"),
	}, more...)...)
	if err := r.process.Start(); err != nil {
		t.Fatal(err)
	}
	r.client = redis.NewClient(&redis.Options{Addr: r.address(), DialerRetries: 1, Protocol: 2, MaxRetries: -1, DisableIdentity: true})
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", r.address())
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatal("redis-server does not answer: ", err)
		}
	}
}

// kill ends it as a crash would.
func (r *redisServer) kill() {
	if r.process != nil {
		r.client.Close()
		r.process.Process.Kill()
		r.process.Wait()
		r.process = nil
	}
}

// back lets so much time pass for every row. The server's clock cannot be set,
// so what the rows say is moved.
func (r *redisServer) back(t *testing.T, d time.Duration) {
	t.Helper()
	const script = `for _, key in ipairs(redis.call('KEYS', '*')) do
  for _, field in ipairs({'f', 'p'}) do
    local at = redis.call('HGET', key, field)
    if at then redis.call('HSET', key, field, string.format('%.0f', at - ARGV[1])) end
  end
  local left = redis.call('PTTL', key) - ARGV[1]
  if left <= 0 then redis.call('DEL', key) else redis.call('PEXPIRE', key, string.format('%.0f', left)) end
end`
	if err := r.client.Eval(t.Context(), script, nil, d.Milliseconds()).Err(); err != nil && err != redis.Nil {
		t.Fatal(err)
	}
}

// host is one of several that share a server.
func host(t *testing.T, r *redisServer, name string, o Options) *policyd.Policy {
	o.Store, o.Host = newRedis(t, r.address(), testKey), name
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
	s := newRedis(t, r.address(), testKey)
	mustJudge(t, s, visit("b.example", 1), false)
	near := func(pattern string, want time.Duration) {
		t.Helper()
		keys, err := r.client.Keys(t.Context(), pattern).Result()
		if err != nil || len(keys) == 0 {
			t.Fatal(pattern, keys, err)
		}
		for _, key := range keys {
			if life := r.client.PTTL(t.Context(), key).Val(); life > want || life < want-time.Minute {
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
	stores := []*Redis{newRedis(t, r.address(), testKey), newRedis(t, r.address(), testKey)}
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
	p := chain(newCheck(t, Options{Store: newRedisWithin(t, r.address(), testKey, 200*time.Millisecond), Metrics: metrics, Log: log, Now: clock.Now}))
	for _, trouble := range []struct {
		name, want   string
		begin, ended func()
	}{
		{"killed", "connection refused", r.kill, func() { r.start(t) }},
		{"frozen", "no answer in time", func() { r.freeze(t) }, func() { r.signal(t, syscall.SIGCONT) }},
		{"full", "maxmemory", func() { r.config(t, "maxmemory", "1") }, func() { r.config(t, "maxmemory", "0") }},
		{"replica", "READONLY", func() { r.do(t, "REPLICAOF", "127.0.0.1", "1") }, func() { r.do(t, "REPLICAOF", "NO", "ONE") }},
		{"loading", "LOADING", func() {
			r.do(t, "DEBUG", "POPULATE", 5000)
			r.do(t, "SAVE")
			r.kill()
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

func (r *redisServer) freeze(t *testing.T) {
	if err := scratch.Freeze(r.process.Process.Pid); err != nil {
		t.Fatal(err)
	}
}

func (r *redisServer) signal(t *testing.T, s os.Signal) {
	if err := r.process.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func (r *redisServer) config(t *testing.T, name, value string) { r.do(t, "CONFIG", "SET", name, value) }

func (r *redisServer) do(t *testing.T, command ...any) {
	t.Helper()
	if err := r.client.Do(t.Context(), command...).Err(); err != nil {
		t.Fatal(command, err)
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
	s := newRedis(t, "grey:s3cr3t@"+r.address(), testKey)
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
