package tcptable_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
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
	"postern/tcptable"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testValues = map[string]string{
	"user@example.com":              "target@example.net",
	`"a b"@example.com`:             "quoted@example.net",
	"müller@example.com":            "umlaut@example.net",
	"100%@example.com":              "percent@example.net",
	`back\slash'quote@example.com`:  "backslash@example.net",
	"<>":                            "null-sender@example.net",
	"spaces":                        "a b,\tc\nd",
	"utf8":                          "müller@example.net",
	"percent":                       "100%",
	"punctuation":                   "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~",
	"nul":                           "a\x00b",
	"latin1":                        "m\xfcller@example.net",
	"empty":                         "",
	"long4091":                      strings.Repeat("v", 4091),
	"long4092":                      strings.Repeat("v", 4092),
	"expands":                       strings.Repeat("%", 1363) + "xx",
	"exact":                         strings.Repeat("%", 1363) + "vv",
	"\"quo'te\\back\"@example.com":  "quotes@example.net",
	"line\nfeed":                    "line feed",
	"8bit-\xff\xfe":                 "eight",
	"nul\x00key":                    "nul in the key",
	"with/slash;drop table--@x.org": "sql",
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
		return "", false, lookup.Unsure(errors.New("database is away"))
	case "local@example.com":
		return "Need not rewrite local domain.", false, nil
	case "noisy":
		return "", false, errors.New("two\nlines, a bell\a, 100%, müller")
	case "wordy":
		return "", false, errors.New(strings.Repeat("x", 1000))
	case "panic@example.com":
		panic("a bug")
	case strings.Repeat("k", 4091):
		return "", false, nil
	}
	value, found := testValues[key]
	return value, found, nil
}

func newHandler() *tcptable.Handler {
	return &tcptable.Handler{Map: lookup.Func(testMap), Name: "aliases"}
}

func TestDialogues(t *testing.T) {
	address := dialog.Listen(t, "tcp", newHandler())
	for _, c := range dialog.Load(t, "testdata/dialogues.txt") {
		t.Run(c.Title, func(t *testing.T) {
			t.Run("bytes", func(t *testing.T) { dialog.Bytes(t, c, newHandler(), nil) })
			t.Run("one byte at a time", func(t *testing.T) { dialog.Bytes(t, c, newHandler(), iotest.OneByteReader) })
			t.Run("halves", func(t *testing.T) { dialog.Bytes(t, c, newHandler(), iotest.HalfReader) })
			t.Run("data with the end", func(t *testing.T) { dialog.Bytes(t, c, newHandler(), iotest.DataErrReader) })
			t.Run("socket", func(t *testing.T) { dialog.Socket(t, c, "tcp", address) })
		})
	}
}

func TestLimitsAreValues(t *testing.T) {
	h := newHandler()
	h.Limits = tcptable.Limits{Request: 1023, Reply: 1023}
	h.Malformed = "500 Invalid request"
	h.LowerHex = true
	for name, c := range map[string]struct{ send, want string }{
		"longest":     {"get " + strings.Repeat("k", 1018) + "\n", "500 not found\n"},
		"too long":    {"get " + strings.Repeat("k", 1019) + "\n", "500 Invalid request\n"},
		"no line end": {strings.Repeat("k", 1023), "500 Invalid request\n"},
		"nonsense":    {"nonsense\nget user@example.com\n", "500 Invalid request\n"},
		"lower case":  {"get utf8\n", "200 m%c3%bcller@example.net\n"},
		"reply":       {"get long4091\n", "400 a reply of 4096 bytes is over the limit of 1023\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := dialog.Run(h, strings.NewReader(c.send)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestQuotedReplyFitsTheLine(t *testing.T) {
	got, _ := dialog.Run(newHandler(), strings.NewReader("get exact\nget expands\n"))
	lines := strings.SplitAfter(got, "\n")
	if want := "200 " + strings.Repeat("%25", 1363) + "vv\n"; lines[0] != want || len(want) != 4096 {
		t.Errorf("line of %d bytes: %.60q", len(lines[0]), lines[0])
	}
	if len(lines[1]) != 4096 {
		t.Errorf("line of %d bytes: %.60q", len(lines[1]), lines[1])
	}
}

func TestBufferSmallerThanTheLine(t *testing.T) {
	for n, want := range map[int]string{4091: "500 not found\n", 4092: "400 malformed: line is longer than 4096 bytes\n", 10: "500 not found\n"} {
		var out bytes.Buffer
		w := bufio.NewWriter(&out)
		r := bufio.NewReaderSize(strings.NewReader("get "+strings.Repeat("k", n)+"\n"), 16)
		_ = newHandler().ServeRequest(t.Context(), r, w)
		_ = w.Flush()
		if out.String() != want {
			t.Errorf("key of %d bytes: %q, want %q", n, out.String(), want)
		}
	}
}

func TestEndOfInput(t *testing.T) {
	broken := errors.New("connection reset")
	for name, c := range map[string]struct {
		in   io.Reader
		want error
	}{
		"between requests":        {strings.NewReader(""), io.EOF},
		"within a request":        {strings.NewReader("get user"), io.ErrUnexpectedEOF},
		"trouble at the start":    {iotest.ErrReader(broken), broken},
		"trouble in a request":    {io.MultiReader(strings.NewReader("get us"), iotest.ErrReader(broken)), broken},
		"malformed":               {strings.NewReader("hello\n"), tcptable.ErrMalformed},
		"small buffer, mid-line":  {bufio.NewReaderSize(strings.NewReader("get user"), 16), io.ErrUnexpectedEOF},
		"small buffer, no line":   {bufio.NewReaderSize(strings.NewReader(""), 16), io.EOF},
		"small buffer, malformed": {bufio.NewReaderSize(strings.NewReader("x\n"), 16), tcptable.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			r, ok := c.in.(*bufio.Reader)
			if !ok {
				r = bufio.NewReader(c.in)
			}
			var out bytes.Buffer
			w := bufio.NewWriter(&out)
			if err := newHandler().ServeRequest(t.Context(), r, w); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			_ = w.Flush()
			if out.Len() > 0 != errors.Is(c.want, tcptable.ErrMalformed) {
				t.Errorf("replied %q", out.String())
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
	keys := []string{"user@example.com", "nobody", "temp@example.com", "perm@example.com", "timeout@example.com",
		"unsure@example.com", "panic@example.com", "nul", "latin1", "empty", "long4092"}
	in := "get " + strings.Join(keys, "\nget ") + "\nmalformed\n"
	if _, err := dialog.Run(h, strings.NewReader(in)); !errors.Is(err, tcptable.ErrMalformed) {
		t.Fatal(err)
	}
	want := "found notfound temp perm timeout temp temp perm perm notfound temp malformed"
	if got := strings.ReplaceAll(strings.Join(c.seen, " "), "aliases ", ""); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestLog(t *testing.T) {
	var log bytes.Buffer
	h := newHandler()
	h.Log = slog.New(slog.NewTextHandler(&log, nil))
	_, _ = dialog.Run(h, strings.NewReader("get panic@example.com\nget nul\nget long4092\nget user@example.com\n"))
	lines := strings.Count(log.String(), "\n")
	for _, want := range []string{"panic=\"a bug\"", "testMap", "NUL", "over the limit", "map=aliases", "key=nul"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in the log:\n%s", want, log.String())
		}
	}
	if lines != 3 {
		t.Errorf("%d lines, want 3", lines)
	}
}

// TestTimeout: a map that minds its context is answered for in time and the
// connection stays; one that does not is answered for, once, and it ends.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c counter
		stuck := make(chan struct{})
		h := &tcptable.Handler{Name: "aliases", Timeout: 20 * time.Second, Observer: &c,
			Map: lookup.Func(func(ctx context.Context, key string) (string, bool, error) {
				if key == "slow" {
					<-ctx.Done()
					return "", false, ctx.Err()
				}
				<-stuck
				return "too late", true, nil
			})}
		var out bytes.Buffer
		r, w := bufio.NewReader(strings.NewReader("get slow\nget stuck\n")), bufio.NewWriter(&out)
		start := time.Now()
		if err := h.ServeRequest(t.Context(), r, w); err != nil || time.Since(start) != 20*time.Second {
			t.Errorf("slow: %v after %v", err, time.Since(start))
		}
		ended := make(chan error)
		go func() { ended <- h.ServeRequest(t.Context(), r, w) }()
		time.Sleep(22 * time.Second)
		synctest.Wait()
		want := "400 context deadline exceeded\n400 the map did not answer within its time\n"
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
			h := &tcptable.Handler{Map: constant, Name: "aliases", Timeout: c.timeout, Observer: nothing{}}
			r, w := endless("get user@example.com\n"), bufio.NewWriter(io.Discard)
			got := testing.AllocsPerRun(1000, func() { _ = h.ServeRequest(t.Context(), r, w) })
			if got > c.max && !raceEnabled {
				t.Errorf("%.0f allocations per request, want at most %.0f", got, c.max)
			}
		})
	}
}

var constant = lookup.Func(func(context.Context, string) (string, bool, error) { return "target@example.net", true, nil })

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
