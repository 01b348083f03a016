package socketmap_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"postern/internal/dialog"
	"postern/internal/lookup"
	"postern/internal/turn"
	"postern/socketmap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testValues = map[string]string{
	"user@example.com":             "target@example.net",
	`"a b"@example.com`:            "quoted@example.net",
	"müller@example.com":           "umlaut@example.net",
	"100%@example.com":             "percent@example.net",
	`back\slash'quote@example.com`: "backslash@example.net",
	"8bit-\xff\xfe":                "eight",
	"line\nfeed":                   "line feed",
	"a,b:1,2":                      "comma",
	"nul\x00key":                   "nul in the key",
	"<>":                           "null-sender@example.net",
	"spaces":                       " a b,\tc\nd ",
	"utf8":                         "müller@example.net",
	"nul":                          "a\x00b",
	"latin1":                       "m\xfcller@example.net",
	"empty":                        "",
	"long99997":                    strings.Repeat("v", 99997),
	"long99998":                    strings.Repeat("v", 99998),
	strings.Repeat("k", 10000):     "longest",
}

// testMap has every outcome that a map can have.
func testMap(_ context.Context, key string) (string, bool, error) {
	switch key {
	case "temp@example.com":
		return "", false, errors.New("database: connection refused")
	case "perm@example.com":
		return "", false, lookup.Permanent(errors.New("table is gone"))
	case "timeout@example.com":
		return "", false, fmt.Errorf("database: %w", context.DeadlineExceeded)
	case "unsure@example.com":
		return "", false, lookup.Unsure(errors.New("database is away now"))
	case "local@example.com":
		return "Need not rewrite local domain.", false, nil
	case "noisy":
		return "", false, errors.New("two\nlines, a bell\a, 100%, müller")
	case "wordy":
		return "", false, errors.New(strings.Repeat("x", 1000))
	case "gloss":
		return strings.Repeat("y", 1000), false, nil
	case "panic@example.com":
		panic("a bug")
	}
	value, found := testValues[key]
	return value, found, nil
}

func testSet() lookup.Set {
	domains := func(_ context.Context, key string) (string, bool, error) {
		if key == "example.com" {
			return "1", true, nil
		}
		return "", false, nil
	}
	return lookup.Set{"aliases": lookup.Func(testMap), "domains": lookup.Func(domains)}
}

func newHandler() *socketmap.Handler { return &socketmap.Handler{Maps: testSet} }

// frame is text as a netstring.
func frame(text string) string { return strconv.Itoa(len(text)) + ":" + text + "," }

func TestDialogues(t *testing.T) {
	unix, tcp := dialog.Listen(t, "unix", newHandler()), dialog.Listen(t, "tcp", newHandler())
	for _, c := range dialog.Load(t, "testdata/dialogues.txt") {
		t.Run(c.Title, func(t *testing.T) {
			t.Run("bytes", func(t *testing.T) { dialog.Bytes(t, c, newHandler(), nil) })
			t.Run("one byte at a time", func(t *testing.T) { dialog.Bytes(t, c, newHandler(), iotest.OneByteReader) })
			t.Run("halves", func(t *testing.T) { dialog.Bytes(t, c, newHandler(), iotest.HalfReader) })
			t.Run("data with the end", func(t *testing.T) { dialog.Bytes(t, c, newHandler(), iotest.DataErrReader) })
			t.Run("unix socket", func(t *testing.T) { dialog.Socket(t, c, "unix", unix) })
			t.Run("tcp socket", func(t *testing.T) { dialog.Socket(t, c, "tcp", tcp) })
		})
	}
}

func TestDefaultLimitsArePostfixLimits(t *testing.T) {
	want := socketmap.Limits{Request: 10256, Key: 10000, Reply: 100000}
	if got := socketmap.DefaultLimits(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestLimitsAndWordsAreValues plays another server: PostSRSd 2.
func TestLimitsAndWordsAreValues(t *testing.T) {
	h := newHandler()
	h.Limits = socketmap.Limits{Request: 1023, Key: 512, Reply: 1023}
	h.Words = socketmap.Words{Malformed: "Invalid query.", LongKey: "Too big.", UnknownMap: "Invalid map."}
	for name, c := range map[string]struct{ send, want string }{
		"long key":    {"aliases " + strings.Repeat("k", 513), "PERM Too big."},
		"longest key": {"aliases " + strings.Repeat("k", 512), "NOTFOUND "},
		"large":       {"aliases " + strings.Repeat("k", 1016), "PERM Invalid query."},
		"no key":      {"aliases", "PERM Invalid query."},
		"unknown":     {"nosuch key", "PERM Invalid map."},
		"long value":  {"aliases long99997", "TEMP value of 99997 bytes is over the reply limit of 1023"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := dialog.Run(h, strings.NewReader(frame(c.send))); got != frame(c.want) {
				t.Errorf("got %q, want %q", got, frame(c.want))
			}
		})
	}
}

func TestUnknownMapReasonIsBounded(t *testing.T) {
	set := lookup.Set{}
	for i := range 100 {
		set[fmt.Sprintf("map-%03d", i)] = lookup.Func(testMap)
	}
	h := &socketmap.Handler{Maps: func() lookup.Set { return set }}
	got, _ := dialog.Run(h, strings.NewReader(frame(strings.Repeat("n", 5000)+"\n key")))
	if len(got) > 220 || !strings.Contains(got, "known: map-000, map-001") || strings.Contains(got, "\n") {
		t.Errorf("got %q", got)
	}
}

func TestSetMayChangeBetweenRequests(t *testing.T) {
	sets := []lookup.Set{{}, testSet()}
	h := &socketmap.Handler{Maps: func() lookup.Set {
		set := sets[0]
		sets = sets[1:]
		return set
	}}
	request := frame("aliases user@example.com")
	got, err := dialog.Run(h, strings.NewReader(request+request))
	if want := frame(`PERM unknown map "aliases"; known: `) + frame("OK target@example.net"); got != want || err != io.EOF {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestEndOfInput(t *testing.T) {
	broken := errors.New("connection reset")
	for name, c := range map[string]struct {
		in   io.Reader
		want error
	}{
		"between requests":     {strings.NewReader(""), io.EOF},
		"within a length":      {strings.NewReader("24"), io.ErrUnexpectedEOF},
		"within a request":     {strings.NewReader("24:aliases us"), io.ErrUnexpectedEOF},
		"before the comma":     {strings.NewReader("24:aliases user@example.com"), io.ErrUnexpectedEOF},
		"in a large request":   {strings.NewReader("9000:aliases us"), io.ErrUnexpectedEOF},
		"trouble at the start": {iotest.ErrReader(broken), broken},
		"trouble in a request": {io.MultiReader(strings.NewReader("24:al"), iotest.ErrReader(broken)), broken},
		"malformed":            {strings.NewReader("x"), socketmap.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := dialog.Run(newHandler(), c.in)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if got != "" != errors.Is(c.want, socketmap.ErrMalformed) {
				t.Errorf("replied %q", got)
			}
		})
	}
}

// counter is an Observer.
type counter struct {
	mu   sync.Mutex
	seen []string
}

func (c *counter) ObserveLookup(mapName, result string, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d < 0 {
		result += " in negative time"
	}
	c.seen = append(c.seen, mapName+" "+result)
}

func TestObserver(t *testing.T) {
	var c counter
	h := newHandler()
	h.Observer = &c
	requests := []struct{ request, want string }{
		{"aliases user@example.com", "aliases found"},
		{"domains example.com", "domains found"},
		{"aliases nobody", "aliases notfound"},
		{"aliases local@example.com", "aliases notfound"},
		{"aliases temp@example.com", "aliases temp"},
		{"aliases perm@example.com", "aliases perm"},
		{"aliases timeout@example.com", "aliases timeout"},
		{"aliases unsure@example.com", "aliases temp"},
		{"aliases panic@example.com", "aliases temp"},
		{"aliases nul", "aliases perm"},
		{"aliases latin1", "aliases perm"},
		{"aliases empty", "aliases notfound"},
		{"aliases long99998", "aliases temp"},
		{"aliases " + strings.Repeat("k", 10001), "aliases perm"},
		{"secret-of-a-peer key", "unknown perm"},
		{"no-key", "unknown malformed"},
	}
	var in strings.Builder
	for _, r := range requests {
		in.WriteString(frame(r.request))
	}
	if _, err := dialog.Run(h, strings.NewReader(in.String())); !errors.Is(err, socketmap.ErrMalformed) {
		t.Fatal(err)
	}
	if len(c.seen) != len(requests) {
		t.Fatalf("%d observed of %d: %q", len(c.seen), len(requests), c.seen)
	}
	for i, r := range requests {
		if c.seen[i] != r.want {
			t.Errorf("%.40q: observed %q, want %q", r.request, c.seen[i], r.want)
		}
	}
}

func TestLog(t *testing.T) {
	var log bytes.Buffer
	h := newHandler()
	h.Log = slog.New(slog.NewTextHandler(&log, nil))
	in := frame("aliases panic@example.com") + frame("aliases nul") + frame("aliases long99998") + frame("aliases user@example.com")
	_, _ = dialog.Run(h, strings.NewReader(in))
	for _, want := range []string{"panic=\"a bug\"", "testMap", "NUL", "over the reply limit", "map=aliases", "key=nul"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in the log:\n%s", want, log.String())
		}
	}
	if lines := strings.Count(log.String(), "\n"); lines != 3 {
		t.Errorf("%d lines, want 3", lines)
	}
}

// TestTimeout: a map that minds its context is answered for in time and the
// connection stays; one that does not is answered for, once, and it ends.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c counter
		stuck := make(chan struct{})
		slow := func(ctx context.Context, key string) (string, bool, error) {
			if key == "slow" {
				<-ctx.Done()
				return "", false, fmt.Errorf("database: %w", ctx.Err())
			}
			<-stuck
			return "too late", true, nil
		}
		h := &socketmap.Handler{Timeout: 20 * time.Second, Observer: &c,
			Maps: func() lookup.Set { return lookup.Set{"aliases": lookup.Func(slow)} }}
		var out bytes.Buffer
		r, w := bufio.NewReader(strings.NewReader("12:aliases slow,13:aliases stuck,")), bufio.NewWriter(&out)
		start := time.Now()
		if err := h.ServeRequest(t.Context(), r, w); err != nil || time.Since(start) != 20*time.Second {
			t.Errorf("slow: %v after %v", err, time.Since(start))
		}
		ended := make(chan error)
		go func() { ended <- h.ServeRequest(t.Context(), r, w) }()
		time.Sleep(22 * time.Second)
		synctest.Wait()
		want := frame("TIMEOUT database: context deadline exceeded") + frame("TIMEOUT the map did not answer within its time")
		if out.String() != want {
			t.Errorf("before the map returned: %q", out.String())
		}
		close(stuck)
		if err := <-ended; !errors.Is(err, turn.ErrLate) {
			t.Errorf("stuck: %v", err)
		}
		_ = w.Flush()
		if out.String() != want {
			t.Errorf("after the map returned: %q", out.String())
		}
		if got := strings.Join(c.seen, ", "); got != "aliases timeout, aliases timeout" {
			t.Errorf("observed %s", got)
		}
	})
}

func TestAllocations(t *testing.T) {
	for name, c := range map[string]struct {
		timeout time.Duration
		max     float64
	}{"without a timeout": {0, 1}, "with a timeout": {time.Minute, 2}} {
		t.Run(name, func(t *testing.T) {
			h := &socketmap.Handler{Maps: constantSet(), Timeout: c.timeout, Observer: nothing{}}
			r, w := endless(frame("aliases user@example.com")), bufio.NewWriter(io.Discard)
			got := testing.AllocsPerRun(1000, func() { _ = h.ServeRequest(t.Context(), r, w) })
			if got > c.max && !raceEnabled {
				t.Errorf("%.0f allocations per request, want at most %.0f", got, c.max)
			}
		})
	}
}

func constantSet() func() lookup.Set {
	set := lookup.Set{"aliases": lookup.Func(func(context.Context, string) (string, bool, error) {
		return "target@example.net", true, nil
	})}
	return func() lookup.Set { return set }
}

type nothing struct{}

func (nothing) ObserveLookup(string, string, time.Duration) {}

// endless is the same request for ever.
func endless(request string) *bufio.Reader { return bufio.NewReader(&repeater{text: request}) }

type repeater struct {
	text string
	at   int
}

func (r *repeater) Read(p []byte) (n int, err error) {
	for n < len(p) {
		k := copy(p[n:], r.text[r.at:])
		n += k
		r.at = (r.at + k) % len(r.text)
	}
	return n, nil
}
