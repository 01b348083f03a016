package lookuptest

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/lookup"
)

// Subject is a map under test.
type Subject struct {
	Map lookup.Map

	// Break makes the origin of the map fail from now on. Nil if the map has
	// none, or holds it whole and vouches for its misses.
	Break func()
}

// Load makes a map that holds these pairs and nothing else. It registers with
// t.Cleanup what has to be closed. Keys are given as a search asks them:
// folded. A value may be empty; a map whose storage cannot hold that leaves
// the pair out.
type Load func(t *testing.T, pairs map[string]string) Subject

// Options describe what an implementation cannot do.
type Options struct {
	// Cannot reports keys that the storage cannot hold, such as a key with a
	// line feed in a file of lines. They are asked all the same, and must not
	// be found; an error will do. Nil if there are none.
	Cannot func(key string) bool
}

func (o Options) can(key string) bool { return o.Cannot == nil || !o.Cannot(key) }

// promptly is how long a lookup may take that has nothing to wait for. It is
// there to end a test that hangs, not to measure.
const promptly = 20 * time.Second

// Run is the conformance suite of [lookup.Map].
func Run(t *testing.T, load Load, o Options) {
	t.Run("found and not found", func(t *testing.T) { testAnswers(t, load) })
	t.Run("empty value", func(t *testing.T) { testEmptyValue(t, load) })
	t.Run("odd keys", func(t *testing.T) { testOddKeys(t, load, o) })
	t.Run("odd keys in a plain map", func(t *testing.T) { testOddKeysAbsent(t, load, o) })
	t.Run("long value", func(t *testing.T) { testLongValue(t, load) })
	t.Run("ended context", func(t *testing.T) { testEndedContext(t, load) })
	t.Run("fresh and traced", func(t *testing.T) { testContexts(t, load) })
	t.Run("many at once", func(t *testing.T) { testMany(t, load) })
	t.Run("broken origin", func(t *testing.T) { testBroken(t, load, o) })
}

func plain() map[string]string {
	return map[string]string{
		"user@example.com":     "someone@example.net",
		"user+tag@example.com": "one@example.net, two@example.net",
		"@example.com":         "catchall@example.net",
		"example.com":          "1",
		"user@example.org":     "user@example.org",
	}
}

// want checks one answer.
func want(t *testing.T, m lookup.Map, key, value string, found bool) {
	t.Helper()
	wantIn(t.Context(), t, m, key, value, found)
}

func wantIn(ctx context.Context, t *testing.T, m lookup.Map, key, value string, found bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, promptly)
	defer cancel()
	got, ok, err := m.Lookup(ctx, key)
	switch {
	case err != nil:
		t.Errorf("%.80q: error: %v", key, err)
	case ok != found:
		t.Errorf("%.80q: found = %v (%.80q), want %v", key, ok, got, found)
	case found && got != value:
		t.Errorf("%.80q: got %.80q, want %.80q", key, got, value)
	}
}

// wantNever checks that a key is not found; an error will do.
func wantNever(t *testing.T, m lookup.Map, key string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), promptly)
	defer cancel()
	if got, found, _ := m.Lookup(ctx, key); found {
		t.Errorf("%.80q: found %.80q, want nothing", key, got)
	}
}

func testAnswers(t *testing.T, load Load) {
	m := load(t, plain()).Map
	type held struct{ value, copy string }
	var seen []held
	for range 2 { // the second answer may come from elsewhere
		for key, value := range plain() {
			want(t, m, key, value, true)
			got, _, _ := m.Lookup(t.Context(), key)
			seen = append(seen, held{got, strings.Clone(got)})
		}
		for _, key := range []string{"nobody@example.com", "user", "example", "@example.co", "example.com.", "ser@example.com"} {
			want(t, m, key, "", false)
		}
	}
	for _, s := range seen {
		if s.value != s.copy {
			t.Errorf("a value changed after it was returned: %q, was %q", s.value, s.copy)
		}
	}
}

func testEmptyValue(t *testing.T, load Load) {
	m := load(t, map[string]string{"empty@example.com": "", "full@example.com": "x"}).Map
	for range 2 {
		wantNever(t, m, "empty@example.com")
		want(t, m, "full@example.com", "x", true)
	}
}

// OddKeys are keys that strangers send, or quoting goes wrong on.
func OddKeys() []string {
	return []string{
		"", " ", `""`, "<>", "*", "@", "%", "%%", "%s", "%00", `\`, `\\`, `'`, `''`, `"`, "`", "#", ";", "--", "/*", "?", "$1", "{}",
		"user@[192.0.2.1]", "user@[ipv6:2001:db8::1]", `"john doe"@example.com`, `"a\"b"@example.com`,
		"o'brien@example.com", `back\slash@example.com`, "50%off@example.com", "under_score@example.com",
		"'; drop table alias; --@example.com", `\' or 1=1 -- @example.com`,
		"nul\x00byte@example.com", "\x00", "line\nfeed@example.com", "carriage\rreturn", "tab\tkey", "del\x7f", "\x1b[31m",
		"jörg@exämple.com", "用户@例子.例", "combining e\u0301", "zero\u200bwidth", "\ufeffbom", "\U0001f4ec@example.com",
		"latin1 \xe9\xff@example.com", "\xff\xfe", "\xc0\x80", "\xed\xa0\x80",
		" leading@example.com", "trailing@example.com ", "trailing dot.", "a,b", "a:b", "key:",
		strings.Repeat("k", 10000), strings.Repeat("a", 9988) + "@example.com", strings.Repeat("%", 10000),
	}
}

func testOddKeys(t *testing.T, load Load, o Options) {
	pairs := map[string]string{}
	for _, key := range OddKeys() {
		if o.can(key) {
			pairs[key] = valueOf(key)
		}
	}
	m := load(t, pairs).Map
	for range 2 {
		for _, key := range OddKeys() {
			if o.can(key) {
				want(t, m, key, valueOf(key), true)
			} else {
				wantNever(t, m, key)
			}
			want(t, m, "nobody@example.com", "", false) // the map lives on
		}
	}
}

// valueOf is a value of its own for each odd key, without its oddities.
func valueOf(key string) string {
	var sum uint32
	for i := range len(key) {
		sum = sum*31 + uint32(key[i]) + 1
	}
	const digits = "abcdefghijklmnop"
	value := []byte("value-")
	for ; sum > 0; sum /= 16 {
		value = append(value, digits[sum%16])
	}
	return string(value)
}

func testOddKeysAbsent(t *testing.T, load Load, o Options) {
	m := load(t, plain()).Map
	for range 2 {
		for _, key := range OddKeys() {
			if o.can(key) {
				want(t, m, key, "", false)
			} else {
				wantNever(t, m, key)
			}
		}
		want(t, m, "user@example.com", "someone@example.net", true)
	}
}

func testLongValue(t *testing.T, load Load) {
	long := strings.Repeat("someone@example.net, ", 2000) + "last@example.net"
	m := load(t, map[string]string{"list@example.com": long}).Map
	for range 2 {
		want(t, m, "list@example.com", long, true)
	}
}

// testEndedContext: an answer, or an error, but no lie and no waiting.
func testEndedContext(t *testing.T, load Load) {
	m := load(t, plain()).Map
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	for name, ctx := range map[string]context.Context{"cancelled": cancelled, "expired": expired} {
		for key, value := range plain() {
			got, found, err := endedLookup(ctx, t, m, key)
			if err == nil && (!found || got != value) {
				t.Errorf("%s: %q: got %q, %v, want %q or an error", name, key, got, found, value)
			}
		}
		if got, found, _ := endedLookup(ctx, t, m, "nobody@example.com"); found {
			t.Errorf("%s: found %q for a key that is not there", name, got)
		}
	}
	for key, value := range plain() { // nothing of it sticks
		want(t, m, key, value, true)
	}
	want(t, m, "nobody@example.com", "", false)
}

func endedLookup(ctx context.Context, t *testing.T, m lookup.Map, key string) (value string, found bool, err error) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		value, found, err = m.Lookup(ctx, key)
	}()
	select {
	case <-done:
	case <-time.After(promptly):
		t.Fatalf("%q: no answer although the context has ended", key)
	}
	return value, found, err
}

func testContexts(t *testing.T, load Load) {
	m := load(t, plain()).Map
	steps := 0
	contexts := map[string]context.Context{
		"plain":  t.Context(),
		"fresh":  lookup.WithFresh(t.Context()),
		"traced": lookup.WithTrace(t.Context(), func(lookup.Step) { steps++ }),
		"both":   lookup.WithFresh(lookup.WithTrace(t.Context(), func(lookup.Step) { steps++ })),
	}
	for range 2 {
		for name, ctx := range contexts {
			t.Run(name, func(t *testing.T) {
				wantIn(ctx, t, m, "user@example.com", "someone@example.net", true)
				wantIn(ctx, t, m, "nobody@example.com", "", false)
			})
		}
	}
	if steps == 0 {
		t.Error("no step was traced: `postern query --explain` would be silent about this map")
	}
}

func testMany(t *testing.T, load Load) {
	m := load(t, plain()).Map
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 25 {
				for key, value := range plain() {
					want(t, m, key, value, true)
				}
				want(t, m, "nobody@example.com", "", false)
			}
		})
	}
	all.Wait()
}

// testBroken: what is held may be given, but nothing is said not to exist.
func testBroken(t *testing.T, load Load, o Options) {
	s := load(t, plain())
	if s.Break == nil {
		return
	}
	want(t, s.Map, "user@example.com", "someone@example.net", true)
	s.Break()
	for range 3 {
		for key, value := range plain() {
			got, found, err := s.Map.Lookup(t.Context(), key)
			if err == nil && (!found || got != value) {
				t.Errorf("%q: got %q, %v, want %q or an error", key, got, found, value)
			}
		}
		for _, key := range []string{"nobody@example.com", "", `'`, "nobody@example.com"} {
			if value, found, err := s.Map.Lookup(t.Context(), key); err == nil && o.can(key) {
				t.Errorf("%q: got %q, %v from a broken origin, want an error", key, value, found)
			}
		}
	}
}
