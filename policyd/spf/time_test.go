package spf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"postern/policyd"
)

// scripted is a resolver of functions; one that is nil finds nothing.
type scripted struct {
	txt  func(ctx context.Context, name string) ([]string, error)
	addr func(ctx context.Context) ([]string, error)
}

func notFound(name string) error {
	return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (s scripted) LookupTXT(ctx context.Context, name string) ([]string, error) {
	return s.txt(ctx, name)
}
func (s scripted) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	return nil, notFound(name)
}
func (s scripted) LookupIPAddr(_ context.Context, name string) ([]net.IPAddr, error) {
	return nil, notFound(name)
}
func (s scripted) LookupAddr(ctx context.Context, address string) ([]string, error) {
	return s.addr(ctx)
}

// hang waits for the end of ctx.
func hang(ctx context.Context) ([]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// records answers after a delay.
func records(delay time.Duration, record string) func(context.Context, string) ([]string, error) {
	return func(ctx context.Context, _ string) ([]string, error) {
		time.Sleep(delay)
		return []string{record}, nil
	}
}

// TestTimeLimit: whatever the DNS does, an answer comes in time.
func TestTimeLimit(t *testing.T) {
	release := make(chan struct{})
	tests := map[string]struct {
		dns  scripted
		want Result
		took time.Duration
	}{
		"a quick answer":      {scripted{txt: records(0, "v=spf1 ip4:192.0.2.55 -all")}, Pass, 0},
		"a slow answer":       {scripted{txt: records(4*time.Second, "v=spf1 ip4:192.0.2.55 -all")}, Pass, 4 * time.Second},
		"one slow by one":     {scripted{txt: records(time.Second, "v=spf1 include:a.example include:b.example -all")}, TempError, 5 * time.Second},
		"no answer":           {scripted{txt: func(ctx context.Context, _ string) ([]string, error) { return hang(ctx) }}, TempError, 5 * time.Second},
		"no answer about ptr": {scripted{records(0, "v=spf1 ptr -all"), hang}, TempError, 5 * time.Second},
		"a deaf resolver": {scripted{txt: func(context.Context, string) ([]string, error) {
			<-release
			return []string{"v=spf1 -all"}, nil
		}}, TempError, 5 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release = make(chan struct{})
				c, err := New(Options{Resolver: test.dns})
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				v, err := c.Check(t.Context(), rcpt("192.0.2.55", "h.example", "alice@pass.example"))
				if took := time.Since(start); err != nil || v.Rule != string(test.want) || took != test.took {
					t.Errorf("%s, %v, in %v; want %s in %v", v.Rule, err, took, test.want, test.took)
				}
				close(release)
				c.Close()
			})
		})
	}
}

// TestParallel: lookups that hang are bounded, and others get their answer when
// there is room again.
func TestParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var running, most atomic.Int64
		c, err := New(Options{Parallel: 2, Resolver: scripted{txt: func(context.Context, string) ([]string, error) {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			<-release
			return []string{"v=spf1 +all"}, nil
		}}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		start := time.Now()
		var askers sync.WaitGroup
		for n := range 20 {
			askers.Go(func() {
				v, err := c.Check(t.Context(), rcpt("192.0.2.55", "h.example", fmt.Sprintf("user%d@pass.example", n)))
				if err != nil || v.Rule != string(TempError) {
					t.Errorf("%s, %v", v.Rule, err)
				}
			})
		}
		askers.Wait()
		if took := time.Since(start); most.Load() != 2 || took != defaultTimeout {
			t.Errorf("%d lookups at once, all answered after %v", most.Load(), took)
		}
		close(release)
		synctest.Wait()
		v, err := c.Check(t.Context(), rcpt("192.0.2.55", "h.example", "late@pass.example"))
		if err != nil || v.Rule != string(Pass) {
			t.Errorf("afterwards: %s, %v", v.Rule, err)
		}
	})
}

// TestOneFlight: who asks the same at once shares one evaluation.
func TestOneFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		c, err := New(Options{Resolver: scripted{txt: func(context.Context, string) ([]string, error) {
			asked.Add(1)
			time.Sleep(time.Second)
			return []string{"v=spf1 +all"}, nil
		}}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var askers sync.WaitGroup
		for range 20 {
			askers.Go(func() {
				if v, err := c.Check(t.Context(), example(Pass)); err != nil || v.Rule != string(Pass) {
					t.Errorf("%s, %v", v.Rule, err)
				}
			})
		}
		askers.Wait()
		if asked.Load() != 1 {
			t.Errorf("%d evaluations", asked.Load())
		}
	})
}

// TestAskerLeaves: its end is trouble, and the evaluation goes on for others.
func TestAskerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Options{Resolver: scripted{txt: records(3*time.Second, "v=spf1 +all")}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Check(ctx, example(Pass)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		start := time.Now()
		v, err := c.Check(t.Context(), example(Pass))
		if err != nil || v.Rule != string(Pass) || time.Since(start) > 0 {
			t.Errorf("%s, %v, in %v", v.Rule, err, time.Since(start))
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c, err := New(Options{Parallel: 1, Resolver: scripted{txt: func(_ context.Context, name string) ([]string, error) {
			if name != "deaf.example." {
				return []string{"v=spf1 +all"}, nil
			}
			<-release
			return nil, notFound(name)
		}}})
		if err != nil {
			t.Fatal(err)
		}
		known := rcpt("192.0.2.55", "h.example", "alice@pass.example")
		if _, err := c.Check(t.Context(), known); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() {
			_, err := c.Check(t.Context(), rcpt("192.0.2.55", "h.example", "alice@deaf.example"))
			ended <- err
		}()
		synctest.Wait()
		start := time.Now()
		go c.Close()
		if err := <-ended; !errors.Is(err, errClosed) || time.Since(start) > 0 {
			t.Errorf("under way: %v after %v", err, time.Since(start))
		}
		if _, err := c.Check(t.Context(), rcpt("192.0.2.55", "h.example", "bob@pass.example")); !errors.Is(err, errClosed) {
			t.Errorf("afterwards: %v", err)
		}
		if v, err := c.Check(t.Context(), known); err != nil || v.Rule != string(Pass) {
			t.Errorf("afterwards, from memory: %s, %v", v.Rule, err)
		}
		c.Close()
		if took := time.Since(start); took != defaultTimeout {
			t.Errorf("closed after %v, with a lookup that goes on", took)
		}
		close(release)
	})
}

// TestPanic of the library or a resolver is temperror.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	c, err := New(Options{
		Log:      slog.New(slog.NewTextHandler(&log, nil)),
		Resolver: scripted{txt: func(context.Context, string) ([]string, error) { panic("a nil map") }},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	v, err := c.Check(t.Context(), example(Pass))
	if err != nil || v.Rule != string(TempError) || !strings.Contains(log.String(), "a nil map") {
		t.Errorf("%s, %v, log %q", v.Rule, err, log.String())
	}
}

// TestKept: how long results live, by a clock that also jumps.
func TestKept(t *testing.T) {
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		result Result
		later  time.Duration
		again  bool
	}{
		"at once":                {Pass, 0, false},
		"within two minutes":     {Pass, 2*time.Minute - 1, false},
		"after two minutes":      {Pass, 2 * time.Minute, true},
		"none is kept, too":      {None, time.Minute, false},
		"temperror, at once":     {TempError, 9 * time.Second, false},
		"temperror, afterwards":  {TempError, 10 * time.Second, true},
		"the clock is set back":  {Pass, -time.Second, true},
		"the clock leaps a year": {Pass, 365 * 24 * time.Hour, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			now := start
			c, dns := check(t, func(o *Options) { o.Now = func() time.Time { return now } })
			for range 2 {
				if _, err := c.Check(t.Context(), example(test.result)); err != nil {
					t.Fatal(err)
				}
				now = now.Add(test.later)
			}
			if again := dns.asked.Load() == 2; again != test.again {
				t.Errorf("asked again: %v", again)
			}
		})
	}
}

// TestWhatIsOne: client, HELO and the whole sender count, because records may
// ask for them.
func TestWhatIsOne(t *testing.T) {
	tests := map[string]struct {
		q    *policyd.Request
		want Result
	}{
		"first":          {rcpt("203.0.113.1", "mail.sender.example", "alice@helo.example"), Pass},
		"another HELO":   {rcpt("203.0.113.1", "other.example", "alice@helo.example"), Fail},
		"one local part": {rcpt("203.0.113.1", "h.example", "alice@local.example"), Pass},
		"another":        {rcpt("203.0.113.1", "h.example", "bob@local.example"), Fail},
		"one client":     {rcpt("192.0.2.1", "h.example", "alice@pass.example"), Pass},
		"another client": {rcpt("192.0.3.1", "h.example", "alice@pass.example"), Fail},
		"one domain":     {rcpt("192.0.2.1", "h.example", "alice@included.example"), Pass},
		"another domain": {rcpt("192.0.2.1", "h.example", "alice@soft.example"), SoftFail},
	}
	c, _ := check(t, func(o *Options) { o.Actions = everything(LetPass) })
	for range 2 {
		for name, test := range tests {
			if v, err := c.Check(t.Context(), test.q); err != nil || v.Rule != string(test.want) {
				t.Errorf("%s: %s, %v, want %s", name, v.Rule, err, test.want)
			}
		}
	}
}

// TestKey: no two identities have the same, however their parts are split.
func TestKey(t *testing.T) {
	keys := map[[32]byte]bool{}
	all := []identity{{local: "ab", helo: "c"}, {local: "a", helo: "bc"}, {local: "a\x00b", helo: "c"}, {local: "a", helo: "b\x00c"}, {domain: "a", local: "bc"}}
	for _, id := range all {
		keys[id.key()] = true
	}
	if len(keys) != len(all) {
		t.Errorf("%d keys of %d identities", len(keys), len(all))
	}
}

// TestCutShort: the library takes a ptr lookup that was cut short for no match,
// goes on to "-all", and is not believed.
func TestCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Options{Resolver: scripted{records(0, "v=spf1 ptr -all"), hang}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if o := c.ask.check(ctx, identityOf(example(Pass))); o.result != TempError {
			t.Errorf("%s", o.result)
		}
	})
}

// TestMemoryOfRequest: an evaluation goes on after the request's memory serves
// another.
func TestMemoryOfRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var asked []string
		c, err := New(Options{Resolver: scripted{txt: func(_ context.Context, name string) ([]string, error) {
			time.Sleep(2 * time.Second)
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, strings.Clone(name))
			return []string{"v=spf1 include:%{l}.%{h}.%{o} -all"}, nil
		}}})
		if err != nil {
			t.Fatal(err)
		}
		memory := []byte("alice@pass.example h.example")
		text := unsafe.String(&memory[0], len(memory))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		q := rcpt("192.0.2.55", text[19:], text[:18])
		if _, err := c.Check(ctx, q); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		for i := range memory {
			memory[i] = 'z'
		}
		time.Sleep(3500 * time.Millisecond)
		c.Close()
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if got := strings.Join(asked, " "); !strings.HasPrefix(got, "pass.example. alice.h.example.pass.example.") {
			t.Errorf("asked for %s", got)
		}
	})
}

// TestBounded: memory does not grow with the number of senders.
func TestBounded(t *testing.T) {
	c, dns := check(t, func(o *Options) { o.Cache = 10 })
	for n := range 100 {
		if _, err := c.Check(t.Context(), rcpt("192.0.2.1", "h.example", fmt.Sprintf("user%d@pass.example", n))); err != nil {
			t.Fatal(err)
		}
	}
	if c.ask.cache.Len() != 10 || dns.asked.Load() != 100 {
		t.Errorf("%d results kept of %d", c.ask.cache.Len(), dns.asked.Load())
	}
}
