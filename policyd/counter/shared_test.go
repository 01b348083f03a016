package counter

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"postern/internal/redisserver"
)

// host is one process that shares counters.
type host struct {
	*Shared
	log      *lines
	registry *prometheus.Registry
}

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// take returns what was logged since.
func (l *lines) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return strings.FieldsFunc(l.text.String(), func(r rune) bool { return r == '\n' })
}

// share is a host at a server; its budget is generous unless it is given.
func shareAt(tb testing.TB, at string, now *clock, o SharedOptions) host {
	tb.Helper()
	h := host{log: new(lines), registry: prometheus.NewRegistry()}
	o.Log, o.Metrics = slog.New(slog.NewTextHandler(h.log, nil)), NewSharedMetrics(h.registry)
	if o.Redis == nil {
		o.Redis = redisAt(tb, at, redisserver.Options{})
	}
	if o.Local == nil && now != nil {
		o.Local = NewMemory(MemoryOptions{Now: now.Now})
	}
	if o.Budget == 0 {
		o.Budget = 5 * time.Second
	}
	var err error
	if h.Shared, err = NewShared(o); err != nil {
		tb.Fatal(err)
	}
	return h
}

// metrics checks the values of gauges and counters.
func (h host) counts(t *testing.T, up, hosts, local, added int) {
	t.Helper()
	m := h.Shared.metrics
	for name, pair := range map[string][2]float64{
		"up": {testutil.ToFloat64(m.up), float64(up)}, "hosts": {testutil.ToFloat64(m.hosts), float64(hosts)},
		"local decisions": {testutil.ToFloat64(m.decided), float64(local)}, "added": {testutil.ToFloat64(m.added), float64(added)},
	} {
		if pair[0] != pair[1] {
			t.Errorf("metric %s is %v, want %v", name, pair[0], pair[1])
		}
	}
}

func (h host) logged(t *testing.T, want ...string) {
	t.Helper()
	got := h.log.take()
	if len(got) != len(want) {
		t.Errorf("log %q, want %q", got, want)
		return
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("log %q, want %q", got[i], want[i])
		}
	}
}

func (h host) rounds(t *testing.T, want bool) {
	t.Helper()
	if got := h.round(t.Context()); got != want {
		t.Fatalf("the round says up=%v, want %v; log %q", got, want, h.log.take())
	}
}

// TestSharedConformance: with Redis away from the start, and one host.
func TestSharedConformance(t *testing.T) {
	testStore(t, 0, func(t *testing.T, now *clock) Store {
		return shareAt(t, "redis://127.0.0.1:1", now, SharedOptions{}).Shared
	})
}

// TestSharedAwayAndBack is the whole way there and back of two hosts.
func TestSharedAwayAndBack(t *testing.T) {
	now := newClock()
	mini := startMini(t, now)
	at := "redis://" + mini.server.Addr()
	a, b := shareAt(t, at, now, SharedOptions{}), shareAt(t, at, now, SharedOptions{})
	for range 2 {
		a.rounds(t, true)
		b.rounds(t, true)
	}
	a.logged(t, "hosts=2")
	b.logged(t, "hosts=2")
	sa, sb := subject{store: a, clock: now}, subject{store: b, clock: now}
	d := Debit{Rule: "r", Key: "k", Windows: per(10, 24*time.Hour), Total: 1}
	for range 2 {
		sa.one(t, d)
	}
	if o := sb.one(t, d); o.Remaining != 7 {
		t.Errorf("counted apart: %+v", o)
	}

	mini.server.Close()
	if got := sa.fitting(t, d); got != 5 {
		t.Errorf("%d fit while Redis is away, the share is 5", got)
	}
	if o := sa.one(t, d); o.Fits || o.Never || o.Retry == 0 {
		t.Errorf("%+v", o)
	}
	sb.one(t, d)
	a.rounds(t, false)
	a.logged(t, "Redis is away")
	b.logged(t, "Redis is away")
	a.counts(t, 0, 2, 7, 0)

	if err := mini.server.Restart(); err != nil {
		t.Fatal(err)
	}
	mini.tick()
	a.rounds(t, true)
	a.logged(t, "Redis is back")
	a.counts(t, 1, 2, 7, 1)
	if o := sa.one(t, d); !o.Fits || o.Remaining != 1 { // 3 before, 5 meanwhile, this one
		t.Errorf("after the return of one: %+v", o)
	}
	b.rounds(t, true)
	if o := sb.one(t, d); o.Fits || o.Remaining != 0 {
		t.Errorf("after the return of both: %+v", o)
	}
	a.rounds(t, true)
	if o := sa.one(t, d); o.Fits || o.Remaining != 0 {
		t.Errorf("in the end: %+v", o)
	}
	a.counts(t, 1, 2, 7, 1)
	if keys := strings.Join(mini.server.Keys(), " "); strings.Count(keys, "}1:b:") != 2 {
		t.Errorf("two hosts have added a batch each, and yet: %s", keys)
	}
}

// TestSharedStateLost: Redis is back without what it knew.
func TestSharedStateLost(t *testing.T) {
	now := newClock()
	mini := startMini(t, now)
	h := shareAt(t, "redis://"+mini.server.Addr(), now, SharedOptions{})
	s := subject{store: h, clock: now}
	d := Debit{Rule: "r", Key: "k", Windows: per(10, time.Hour), Total: 4}
	s.one(t, d)
	mini.server.Close()
	s.one(t, d)
	now.add(15 * time.Minute) // 2.5 drain
	mini.server.FlushAll()
	mini.server.Restart()
	mini.tick()
	h.rounds(t, true)
	d.Total = 0
	if o := s.one(t, d); o.Remaining != 8 {
		t.Errorf("%+v: 2 of 4 units are left, rounded up", o)
	}
}

// TestSharedCap: what is added blocks nobody for longer than the window.
func TestSharedCap(t *testing.T) {
	now := newClock()
	mini := startMini(t, now)
	h := shareAt(t, "redis://"+mini.server.Addr(), now, SharedOptions{})
	s := subject{store: h, clock: now}
	d := Debit{Rule: "r", Key: "k", Windows: per(10, time.Hour), Total: 10}
	s.one(t, d)
	mini.server.Close()
	s.one(t, d)
	mini.server.Restart()
	mini.tick()
	h.rounds(t, true)
	if o := s.one(t, d); o.Fits || o.Retry != time.Hour {
		t.Errorf("%+v", o)
	}
	now.add(time.Hour)
	mini.tick()
	if o := s.one(t, d); !o.Fits {
		t.Errorf("an hour later: %+v", o)
	}
}

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

// TestSharedHosts: those that were seen within a minute, and a hint at a
// secret that differs.
func TestSharedHosts(t *testing.T) {
	now := newClock()
	mini := startMini(t, now)
	at := "redis://" + mini.server.Addr()
	var hosts []host
	for range 3 {
		h := shareAt(t, at, now, SharedOptions{Host: "mx"})
		h.rounds(t, true)
		hosts = append(hosts, h)
	}
	if got := hosts[2].Hosts(); got != 3 {
		t.Errorf("%d hosts", got)
	}
	hosts[0].leave(t.Context())
	hosts[2].rounds(t, true)
	if got := hosts[2].Hosts(); got != 2 {
		t.Errorf("%d hosts after one left", got)
	}
	now.add(61 * time.Second)
	mini.tick()
	hosts[2].rounds(t, true)
	if got := hosts[2].Hosts(); got != 1 {
		t.Errorf("%d hosts after a minute", got)
	}
	now.add(-24 * time.Hour)
	mini.tick()
	hosts[2].rounds(t, true)
	if got := hosts[2].Hosts(); got != 1 {
		t.Errorf("%d hosts after the clock went back", got)
	}
	other := redisAt(t, at, redisserver.Options{})
	other.names = newNames([]byte("another secret"))
	stranger := shareAt(t, at, now, SharedOptions{Redis: other})
	stranger.rounds(t, true)
	stranger.rounds(t, true)
	stranger.logged(t, "use another secret")
	if got := stranger.Hosts(); got != 1 {
		t.Errorf("%d hosts of that secret", got)
	}
}

// TestShare: limits and costs in a share.
func TestShare(t *testing.T) {
	for _, test := range []struct{ n, hosts, want int64 }{{10, 1, 10}, {10, 3, 3}, {2, 3, 1}, {0, 3, 0}, {1, 1, 1}} {
		if got := share(test.n, test.hosts); got != test.want {
			t.Errorf("share of %d among %d: %d, want %d", test.n, test.hosts, got, test.want)
		}
	}
	h := shareAt(t, "redis://127.0.0.1:1", newClock(), SharedOptions{})
	h.hosts.Store(4)
	s := subject{store: h}
	d := Debit{Rule: "r", Key: "k", Windows: []Window{{1000, time.Minute}, {100, time.Hour}}, Total: 26}
	if o := s.one(t, d); o.Fits || o.Never || o.Retry != time.Minute {
		t.Errorf("above the share: %+v", o)
	}
	d.Total = 101
	if o := s.one(t, d); o.Fits || !o.Never || o.Retry != 0 {
		t.Errorf("above the limit: %+v", o)
	}
	d.Total = 25
	if o := s.one(t, d); !o.Fits || o.Remaining != 0 || o.Window != 1 {
		t.Errorf("the share: %+v", o)
	}
	if w := d.Windows[1]; w.N != 100 {
		t.Errorf("the asker's windows were changed: %v", w)
	}
}

// TestSharedGivenUp: an asker who goes away is no trouble of Redis.
func TestSharedGivenUp(t *testing.T) {
	now := newClock()
	mini := startMini(t, now)
	h := shareAt(t, "redis://"+mini.server.Addr(), now, SharedOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := Debit{Rule: "r", Key: "k", Windows: per(3, time.Hour), Total: 1}
	if err := h.Charge(ctx, []Debit{d}, make([]Outcome, 1), false); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	d.Key = ""
	if err := h.Charge(t.Context(), []Debit{d}, make([]Outcome, 1), false); err == nil {
		t.Error("an empty key is no error")
	}
	if !h.Up() {
		t.Error("away")
	}
}

// TestSharedHammer: two hosts let exactly the limit through.
func TestSharedHammer(t *testing.T) {
	server := miniredis.RunT(t)
	var stores [2]subject
	for i := range stores {
		stores[i] = subject{store: shareAt(t, "redis://"+server.Addr(), nil, SharedOptions{})}
	}
	if got := hammerBoth(t, stores[:]); got != 100 {
		t.Errorf("%d fit, the limit is 100", got)
	}
}

// hammerBoth has 20 clients at each store and returns what fitted.
func hammerBoth(t *testing.T, stores []subject) (fit int) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, s := range stores {
		wg.Go(func() {
			n := hammer(t, s, 20, 10, func(client, i int) []Debit {
				return []Debit{{Rule: "r", Key: "k", Windows: per(100, 24*time.Hour), Total: 1}}
			})
			mu.Lock()
			fit += n
			mu.Unlock()
		})
	}
	wg.Wait()
	return fit
}
