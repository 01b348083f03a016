package tcptable_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"postern/internal/dialog"
	"postern/internal/lookup"
	"postern/tcptable"
)

// postsrsd1 answers as PostSRSd 1.10 of Debian does. A request line has at most
// 1,022 bytes with its LF: Debian refuses a line that fills its buffer of 1,024
// (CVE-2021-35525). The limit of replies stays, since PostSRSd sends a value
// that quoting makes longer than 1,023 bytes cut short: a wrong address.
func postsrsd1(m lookup.Map) *tcptable.Handler {
	return &tcptable.Handler{
		Map:       m,
		Name:      "forward",
		Limits:    tcptable.Limits{Request: 1022},
		Malformed: "500 Invalid request",
		LowerHex:  true,
		Dialect:   tcptable.Dialect{CStrings: true, RawValues: true},
	}
}

// sameAddress is PostSRSd's forward map where it has least to do: no address,
// an address of its own domain, any other address.
var sameAddress = lookup.Func(func(_ context.Context, key string) (string, bool, error) {
	_, domain, isAddress := strings.Cut(key, "@")
	switch {
	case !isAddress:
		return "No at sign in sender address", false, nil
	case strings.EqualFold(domain, "example.com"):
		return key, true, nil
	case domain == "temp.example":
		return "", false, errors.New("database: connection refused")
	case domain == "nul.example":
		return "a\x00b", true, nil
	}
	return "Not here", false, nil
})

func TestDialectDialogues(t *testing.T) {
	address := dialog.Listen(t, "tcp", postsrsd1(sameAddress))
	for _, c := range dialog.Load(t, "testdata/postsrsd1.txt") {
		t.Run(c.Title, func(t *testing.T) {
			h := postsrsd1(sameAddress)
			t.Run("bytes", func(t *testing.T) { dialog.Bytes(t, c, h, nil) })
			t.Run("one byte at a time", func(t *testing.T) { dialog.Bytes(t, c, h, iotest.OneByteReader) })
			t.Run("halves", func(t *testing.T) { dialog.Bytes(t, c, h, iotest.HalfReader) })
			t.Run("data with the end", func(t *testing.T) { dialog.Bytes(t, c, h, iotest.DataErrReader) })
			t.Run("socket", func(t *testing.T) { dialog.Socket(t, c, "tcp", address) })
		})
	}
}

// TestLineWithoutEnd: what the connection ends with is a request in the
// dialect, as long as it is no longer than one, and only there.
func TestLineWithoutEnd(t *testing.T) {
	for name, c := range map[string]struct {
		in, want string
		err      error
	}{
		"request":        {"get a@example.com", "200 a@example.com\n", io.EOF},
		"after another":  {"get a@example.com\nget b@example.com", "200 a@example.com\n200 b@example.com\n", io.EOF},
		"with a CR":      {"get a@example.com\r", "200 a@example.com\n", io.EOF},
		"half a verb":    {"ge", "500 Invalid request\n", tcptable.ErrMalformed},
		"a verb":         {"get", "500 Invalid request\n", tcptable.ErrMalformed},
		"a blank":        {" ", "500 Invalid request\n", tcptable.ErrMalformed},
		"nothing":        {"", "", io.EOF},
		"longest":        {"get " + strings.Repeat("k", 1018), "500 No at sign in sender address\n", io.EOF},
		"one too long":   {"get " + strings.Repeat("k", 1019), "500 Invalid request\n", tcptable.ErrMalformed},
		"much too long":  {"get " + strings.Repeat("k", 5000), "500 Invalid request\n", tcptable.ErrMalformed},
		"longest, empty": {strings.Repeat(" ", 1022), "500 Invalid request\n", tcptable.ErrMalformed},
	} {
		for portions, chunk := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "end": iotest.DataErrReader} {
			t.Run(name+" "+portions, func(t *testing.T) {
				got, err := dialog.Run(postsrsd1(sameAddress), chunk(strings.NewReader(c.in)))
				if got != c.want || !errors.Is(err, c.err) {
					t.Errorf("got %q, %v; want %q, %v", got, err, c.want, c.err)
				}
			})
		}
	}
	if got, err := dialog.Run(newHandler(), strings.NewReader("get user@example.com")); got != "" || err != io.ErrUnexpectedEOF {
		t.Errorf("without the dialect: %q, %v", got, err)
	}
}

// TestBrokenConnectionInADialect: an error is no end of a request.
func TestBrokenConnectionInADialect(t *testing.T) {
	broken := errors.New("connection reset")
	in := io.MultiReader(strings.NewReader("get a@example.com"), iotest.ErrReader(broken))
	if got, err := dialog.Run(postsrsd1(sameAddress), in); got != "" || !errors.Is(err, broken) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestDialectWithTheDefaultLimits collects a line that is larger than the
// buffer, by one byte.
func TestDialectWithTheDefaultLimits(t *testing.T) {
	h := postsrsd1(sameAddress)
	h.Limits = tcptable.Limits{}
	for in, want := range map[string]string{
		"get " + strings.Repeat("k", 4091) + "\n": "500 No at sign in sender address\n",
		"get " + strings.Repeat("k", 4092) + "\n": "500 Invalid request\n",
		"get " + strings.Repeat("k", 4092):        "500 No at sign in sender address\n",
		"get " + strings.Repeat("k", 4093):        "500 Invalid request\n",
		"get a@example.com":                       "200 a@example.com\n",
	} {
		if got, _ := dialog.Run(h, strings.NewReader(in)); got != want {
			t.Errorf("%d bytes: %q, want %q", len(in), got, want)
		}
	}
}

func TestAllocationsOfADialect(t *testing.T) {
	h := postsrsd1(constant)
	h.Observer = nothing{}
	r, w := endless("get user@example.com\n"), bufio.NewWriter(io.Discard)
	if got := testing.AllocsPerRun(1000, func() { _ = h.ServeRequest(t.Context(), r, w) }); got > 1 && !raceEnabled {
		t.Errorf("%.0f allocations per request, want at most 1", got)
	}
}

// dialectLine is what a reply of the dialect looks like.
var dialectLine = regexp.MustCompile(`^(200 ([!-$&-~]|%[0-9a-f]{2})+|[45]00 ([ -$&-~]|%[0-9a-f]{2})+)$`)

// FuzzDialect plays whatever a peer may send, as FuzzConversation does. Of the
// requests themselves a second opinion is had.
func FuzzDialect(f *testing.F) {
	for _, seed := range []string{"get user@example.com\nget nobody", "  get %ff\xff\r\n", "get \r\r\na", "get a%00%zz\n", "get a\x00b\nget b\n",
		"get\ra\rb\n", "get  \n", "get\n", "get why\xc3\xbc\n\n", "get temp", "put a\n", "get " + strings.Repeat("%20", 40) + "\n", strings.Repeat("x", 200)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var asked []string
		h := postsrsd1(lookup.Func(func(_ context.Context, key string) (string, bool, error) {
			asked = append(asked, key)
			return mirror(key)
		}))
		h.Limits = tcptable.Limits{Request: 100, Reply: 350}
		replies, err := dialog.Run(h, bytes.NewReader(in))
		once := len(asked)
		if again, _ := dialog.Run(h, iotest.OneByteReader(bytes.NewReader(in))); again != replies {
			t.Fatalf("in one piece %q, byte by byte %q", replies, again)
		}
		lines := strings.SplitAfter(replies, "\n")
		if last := lines[len(lines)-1]; last != "" {
			t.Fatalf("a reply without an end: %q", last)
		}
		lines = lines[:len(lines)-1]
		keys, malformed := readAsC(in, 100)
		if refused := errors.Is(err, tcptable.ErrMalformed); refused != malformed {
			t.Fatalf("%q is malformed: %v, but %v", in, malformed, err)
		} else if refused {
			if len(lines) == 0 || lines[len(lines)-1] != "500 Invalid request\n" {
				t.Fatalf("malformed request, but replies %q", lines)
			}
			lines = lines[:len(lines)-1]
		} else if err != io.EOF {
			t.Fatal(err)
		}
		if got := asked[:once]; strings.Join(got, "\n") != strings.Join(keys, "\n") || len(got) != len(keys) {
			t.Fatalf("asked %q, want %q", got, keys)
		}
		answersTo(t, keys, lines)
	})
}

func answersTo(t *testing.T, keys, lines []string) {
	t.Helper()
	if len(keys) != len(lines) {
		t.Fatalf("%d questions, %d replies: %q, %q", len(keys), len(lines), keys, lines)
	}
	for i, line := range lines {
		if !dialectLine.MatchString(strings.TrimSuffix(line, "\n")) {
			t.Fatalf("reply %q", line)
		}
		if strings.HasPrefix(line, "200 ") && decode(line[4:len(line)-1]) != "="+keys[i] {
			t.Fatalf("asked %q, replied %q", keys[i], line)
		}
	}
}

var (
	cRequest = regexp.MustCompile(`^[ \r]*get[ \r]\r*([^\r\n]+)`)
	cKey     = regexp.MustCompile(`(?s)^([^%]|%[0-9A-Fa-f]{2})*$`)
)

// readAsC is a second opinion on which keys are asked for, and whether what
// comes after the last of them is malformed.
func readAsC(in []byte, limit int) (keys []string, malformed bool) {
	for line := range bytes.Lines(in) {
		text, _, _ := strings.Cut(string(line), "\x00")
		m := cRequest.FindStringSubmatch(latin1(text))
		if len(line) > limit || m == nil || !cKey.MatchString(m[1]) {
			return keys, true
		}
		key, _, _ := strings.Cut(decode(bytesOf(m[1])), "\x00")
		keys = append(keys, key)
	}
	return keys, false
}

// latin1 makes every byte a character, and bytesOf reverses that: a regexp
// reads characters.
func latin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

func bytesOf(s string) string {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}
