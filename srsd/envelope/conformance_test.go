package envelope

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"postern/internal/lookup"
)

// clock is what stores are told the time by.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2020, 1, 1, 0, 1, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// subject is a store under test and the time that passes for it.
type subject struct {
	*Store
	pass func(time.Duration)
}

// open opens a store that is closed with the test.
func open(t testing.TB, at string, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), at, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func onFile(t *testing.T, o Options) subject {
	c := newClock()
	o.Now = c.Now
	return subject{open(t, "sqlite:"+filepath.Join(t.TempDir(), "senders.db"), o), c.add}
}

func onServer(t *testing.T, o Options) subject {
	c, mini := newClock(), miniredis.RunT(t)
	o.Now = c.Now
	return subject{open(t, "redis:"+mini.Addr(), o), func(d time.Duration) { c.add(d); mini.FastForward(d) }}
}

// backends run a test against every kind of store.
func backends(t *testing.T, o Options, test func(t *testing.T, s subject)) {
	t.Run("sqlite", func(t *testing.T) { test(t, onFile(t, o)) })
	t.Run("redis", func(t *testing.T) { test(t, onServer(t, o)) })
}

func (s subject) put(t *testing.T, address string) {
	t.Helper()
	if err := s.Put(t.Context(), Alias(address), address); err != nil {
		t.Fatalf("put %q: %v", address, err)
	}
}

// gives checks what an alias leads to; "" stands for not found.
func (s subject) gives(t *testing.T, alias, want string) {
	t.Helper()
	got, found, err := s.Get(t.Context(), alias)
	if err != nil || got != want || found != (want != "") {
		t.Errorf("get %s: %q, %v, %v; want %q", alias, got, found, err, want)
	}
}

func TestAddressesComeBackAsTheyWere(t *testing.T) {
	addresses := map[string]string{
		"plain":             "test@otherdomain.com",
		"case":              "Test.User@OtherDomain.COM",
		"quoted":            `"a@b c"@c.com`,
		"unicode":           "jörg@straße.example",
		"decomposed":        "jo\u0308rg@example.com",
		"not UTF-8":         "j\xf6rg\xff\xfe@example.com",
		"control bytes":     "a\x01\x1b\n\r\tb@example.com",
		"percent, quote":    `%s%00'";--@example.com`,
		"without a domain":  "postmaster",
		"as long as can be": strings.Repeat("x", MaxAddress-len("@example.com")) + "@example.com",
	}
	for _, exact := range []bool{false, true} {
		t.Run(fmt.Sprintf("exact %v", exact), func(t *testing.T) {
			backends(t, Options{Exact: exact}, func(t *testing.T, s subject) {
				for _, address := range addresses {
					s.put(t, address)
				}
				for name, address := range addresses {
					t.Run(name, func(t *testing.T) { s.gives(t, Alias(address), address) })
				}
			})
		})
	}
}

func TestAliasComesBackInAnyCase(t *testing.T) {
	const address, alias = "test@otherdomain.com", "DCJGDE6N24LCRT41A4T0G1UIF0DTKKQJ"
	backends(t, Options{}, func(t *testing.T, s subject) {
		s.put(t, address)
		for _, alias := range []string{alias, strings.ToLower(alias), "dcjgde6n24lcRT41A4T0G1UIF0DTKKQJ"} {
			s.gives(t, alias, address)
		}
	})
}

func TestUnknownAlias(t *testing.T) {
	backends(t, Options{}, func(t *testing.T, s subject) {
		s.put(t, "test@otherdomain.com")
		for _, alias := range []string{
			"VVVVVVUNVVVVVVS1VVVVVVUIVVVTKKQJ", "", "x", Alias("test@otherdomain.com") + "@1", "*", "' OR 1=1 --",
			strings.Repeat("A", 1<<16),
		} {
			s.gives(t, alias, "")
		}
	})
}

func TestWhatIsNeverStored(t *testing.T) {
	backends(t, Options{}, func(t *testing.T, s subject) {
		for _, test := range []struct{ name, alias, address, want string }{
			{"null sender", Alias(""), "", "the null sender is never stored"},
			{"too long", Alias("x"), strings.Repeat("s3cr3t@x", 65), "has 520 bytes, 512 are the most"},
			{"not an alias", "s3cr3t", "s3cr3t@example.com", "not 32 characters"},
			{"a key", Alias("x") + "@1", "s3cr3t@example.com", "not 32 characters"},
		} {
			t.Run(test.name, func(t *testing.T) {
				err := s.Put(t.Context(), test.alias, test.address)
				if err == nil || !strings.HasPrefix(err.Error(), "envelope store: put: ") || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%v; want %q", err, test.want)
				}
				if !lookup.IsPermanent(err) {
					t.Errorf("waiting does not help, but the error says so: %v", err)
				}
				if strings.Contains(err.Error(), "s3cr3t") {
					t.Errorf("tells the address: %v", err)
				}
			})
		}
		if n, err := s.Len(t.Context()); n != 0 || err != nil {
			t.Errorf("%d stored, %v", n, err)
		}
	})
}

// TestLife: a sender lives for the lifetime, from his last mail on.
func TestLife(t *testing.T) {
	const day = 24 * time.Hour
	backends(t, Options{}, func(t *testing.T, s subject) {
		const once, often = "once@example.com", "often@example.com"
		s.put(t, once)
		s.put(t, often)
		s.pass(20 * day)
		s.put(t, often)
		s.pass(4*day - time.Second)
		s.gives(t, Alias(once), once)
		s.pass(time.Second)
		s.gives(t, Alias(once), "")
		s.gives(t, Alias(often), often)
		s.pass(20*day - time.Second)
		s.gives(t, Alias(often), often)
		s.pass(time.Second)
		s.gives(t, Alias(often), "")
		s.put(t, once)
		s.gives(t, Alias(once), once)
	})
}

// TestEveryAddressIsOutlived: whenever a sender writes again, the row is there
// as long as the address that is signed for that mail is valid: to the end of
// the 21st day after, on a host whose clock is a day behind too.
func TestEveryAddressIsOutlived(t *testing.T) {
	const valid = 23 * 24 * time.Hour
	for _, pause := range []time.Duration{0, time.Second, time.Hour, 24*time.Hour - time.Second, 24 * time.Hour, 25 * time.Hour, 30 * 24 * time.Hour} {
		t.Run(pause.String(), func(t *testing.T) {
			backends(t, Options{}, func(t *testing.T, s subject) {
				const address = "test@otherdomain.com"
				for range 3 {
					s.put(t, address)
					s.pass(pause)
				}
				s.put(t, address)
				s.pass(valid)
				s.gives(t, Alias(address), address)
			})
		})
	}
}

func TestLastAddressOfAnAliasWins(t *testing.T) {
	backends(t, Options{}, func(t *testing.T, s subject) {
		alias := Alias("one@example.com")
		for _, address := range []string{"one@example.com", "two@example.com"} {
			if err := s.Put(t.Context(), alias, address); err != nil {
				t.Fatal(err)
			}
			s.gives(t, strings.ToLower(alias), address)
		}
		if n, err := s.Len(t.Context()); n != 1 || err != nil {
			t.Errorf("%d stored, %v", n, err)
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	backends(t, Options{MaxEntries: 1000, Timeout: 20 * time.Second}, func(t *testing.T, s subject) {
		var all sync.WaitGroup
		for worker := range 8 {
			all.Go(func() {
				for i := range 10 {
					mine := fmt.Sprintf("%d.%d@example.com", worker, i)
					shared := fmt.Sprintf("shared%d@example.com", i)
					for _, address := range []string{mine, shared} {
						if err := s.Put(t.Context(), Alias(address), address); err != nil {
							t.Error(err)
						}
						if got, found, err := s.Get(t.Context(), Alias(address)); got != address || !found || err != nil {
							t.Errorf("%q, %v, %v", got, found, err)
						}
					}
				}
			})
		}
		all.Wait()
		if n, err := s.Len(t.Context()); n != 90 || err != nil {
			t.Errorf("%d stored, %v; want 90", n, err)
		}
	})
}

func TestAskerWhoGoesAway(t *testing.T) {
	backends(t, Options{}, func(t *testing.T, s subject) {
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Put(gone, Alias("a@b.c"), "a@b.c"); !errors.Is(err, context.Canceled) {
			t.Errorf("put: %v", err)
		}
		if _, found, err := s.Get(gone, Alias("a@b.c")); found || !errors.Is(err, context.Canceled) {
			t.Errorf("get: %v, %v", found, err)
		}
		s.put(t, "a@b.c")
		s.gives(t, Alias("a@b.c"), "a@b.c")
	})
}

func TestClosed(t *testing.T) {
	backends(t, Options{}, func(t *testing.T, s subject) {
		s.put(t, "a@b.c")
		for range 2 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		for name, do := range map[string]func() error{
			"put":   func() error { return s.Put(t.Context(), Alias("a@b.c"), "a@b.c") },
			"get":   func() error { _, _, err := s.Get(t.Context(), Alias("a@b.c")); return err },
			"ping":  func() error { return s.Ping(t.Context()) },
			"count": func() error { _, err := s.Len(t.Context()); return err },
		} {
			if err := do(); err == nil || err.Error() != "envelope store: "+name+": the store is closed" {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestPing(t *testing.T) {
	backends(t, Options{}, func(t *testing.T, s subject) {
		if err := s.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
