package envelope

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
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
