package socketmap_test

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
	"postern/socketmap"
)

// postsrsd2 answers as PostSRSd 2.4 does. The limit of replies stays: the 1,023
// bytes of PostSRSd, at which it would cut an address short, are out of reach
// of a key of 512 bytes.
func postsrsd2(set lookup.Set) *socketmap.Handler {
	return &socketmap.Handler{
		Maps:    func() lookup.Set { return set },
		Limits:  socketmap.Limits{Request: 1023, Key: 512},
		Words:   socketmap.Words{Malformed: "Invalid query.", LongKey: "Too big.", UnknownMap: "Invalid map."},
		Dialect: socketmap.Dialect{CStrings: true, LengthFirst: true, RawValues: true},
	}
}

// srsSet are maps that answer somewhat as those of PostSRSd.
func srsSet() lookup.Set {
	forward := func(_ context.Context, key string) (string, bool, error) {
		_, domain, isAddress := strings.Cut(key, "@")
		switch {
		case !isAddress:
			return "No domain.", false, nil
		case strings.HasPrefix(key, "SRS1=@"):
			return "", false, lookup.Permanent(errors.New("No hash in SRS1 address."))
		case domain == "temp.example":
			return "", false, errors.New("database: connection refused")
		case domain == "nul.example":
			return "a\x00b", true, nil
		}
		return "SRS=" + key, true, nil
	}
	reverse := func(context.Context, string) (string, bool, error) { return "Not an SRS address.", false, nil }
	return lookup.Set{"forward": lookup.Func(forward), "reverse": lookup.Func(reverse)}
}

func TestDialectDialogues(t *testing.T) {
	unix, tcp := dialog.Listen(t, "unix", postsrsd2(srsSet())), dialog.Listen(t, "tcp", postsrsd2(srsSet()))
	for _, c := range dialog.Load(t, "testdata/postsrsd2.txt") {
		t.Run(c.Title, func(t *testing.T) {
			h := postsrsd2(srsSet())
			t.Run("bytes", func(t *testing.T) { dialog.Bytes(t, c, h, nil) })
			t.Run("one byte at a time", func(t *testing.T) { dialog.Bytes(t, c, h, iotest.OneByteReader) })
			t.Run("halves", func(t *testing.T) { dialog.Bytes(t, c, h, iotest.HalfReader) })
			t.Run("data with the end", func(t *testing.T) { dialog.Bytes(t, c, h, iotest.DataErrReader) })
			t.Run("unix socket", func(t *testing.T) { dialog.Socket(t, c, "unix", unix) })
			t.Run("tcp socket", func(t *testing.T) { dialog.Socket(t, c, "tcp", tcp) })
		})
	}
}

// TestHalfARequestInADialect ends without a word.
func TestHalfARequestInADialect(t *testing.T) {
	for _, in := range []string{"1", "102", "1023", "00", ":", "0:", "1023:", "15:forw", "15:forward t@x.com", "7:reverse"} {
		if got, err := dialog.Run(postsrsd2(srsSet()), strings.NewReader(in)); got != "" || err != io.ErrUnexpectedEOF {
			t.Errorf("%q: replied %q, %v", in, got, err)
		}
	}
}

// TestLengthAndNameInOrder: which of two faults is told.
func TestLengthAndNameInOrder(t *testing.T) {
	long := strings.Repeat("k", 513)
	for name, c := range map[string]struct {
		first    bool
		table    string
		want     string
		observed string
	}{
		"name first, known":     {false, "forward", "PERM Too big.", "forward perm"},
		"name first, unknown":   {false, "nosuch", "PERM Invalid map.", "unknown perm"},
		"length first, known":   {true, "forward", "PERM Too big.", "forward perm"},
		"length first, unknown": {true, "nosuch", "PERM Too big.", "unknown perm"},
	} {
		t.Run(name, func(t *testing.T) {
			var seen counter
			h := postsrsd2(srsSet())
			h.Dialect.LengthFirst, h.Observer = c.first, &seen
			if got, err := dialog.Run(h, strings.NewReader(frame(c.table+" "+long))); got != frame(c.want) || err != io.EOF {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
			if got := strings.Join(seen.seen, ", "); got != c.observed {
				t.Errorf("observed %s, want %s", got, c.observed)
			}
		})
	}
}

func TestAllocationsOfADialect(t *testing.T) {
	h := postsrsd2(constantSet()())
	h.Observer = nothing{}
	r, w := endless(frame("aliases user@example.com")), bufio.NewWriter(io.Discard)
	if got := testing.AllocsPerRun(1000, func() { _ = h.ServeRequest(t.Context(), r, w) }); got > 1 && !raceEnabled {
		t.Errorf("%.0f allocations per request, want at most 1", got)
	}
}

// FuzzDialect plays whatever a peer may send, as FuzzConversation does. Of the
// requests themselves a second opinion is had.
func FuzzDialect(f *testing.F) {
	for _, seed := range []string{"3:m a,1:m,", "5:  m a,2:m ,", ":,", "0:,", "003:m a,", "4:m\x00 a,3:\x00ma,", "6:m a\x00bc,", "2:xy,4:x yz,",
		"10:m temp-abc,5:m  a ,", "6:m why\xff,6:m \xff\xfe\n,", "40:m " + strings.Repeat("k", 38) + ",", "99:", "3:m aa", "3:m a"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var asked []string
		h := postsrsd2(lookup.Set{"m": lookup.Func(func(_ context.Context, key string) (string, bool, error) {
			asked = append(asked, key)
			return mirror(key)
		})})
		h.Limits = socketmap.Limits{Request: 60, Key: 30}
		replies, err := dialog.Run(h, bytes.NewReader(in))
		once := asked
		if again, _ := dialog.Run(h, iotest.OneByteReader(bytes.NewReader(in))); again != replies {
			t.Fatalf("in one piece %q, byte by byte %q", replies, again)
		}
		want, end := readAsC(string(in))
		if !errors.Is(err, end) {
			t.Fatalf("%q ended with %v, want %v", in, err, end)
		}
		all := parseAll(t, replies)
		if len(all) != len(want) {
			t.Fatalf("%d replies, want %d: %q, %+v", len(all), len(want), all, want)
		}
		for i, reply := range all {
			once = want[i].check(t, reply, once)
		}
		if len(once) > 0 {
			t.Fatalf("asked %q without a request", once)
		}
	})
}

// due is what a request is to get: a refusal, or the answer to a key.
type due struct{ refusal, key string }

// check takes the answer's key from those that the map was asked.
func (d due) check(t *testing.T, reply string, asked []string) []string {
	t.Helper()
	if d.refusal != "" {
		if reply != "PERM "+d.refusal {
			t.Fatalf("reply %q, want %q", reply, d.refusal)
		}
		return asked
	}
	if len(asked) == 0 || asked[0] != d.key || strings.HasPrefix(reply, "OK ") && reply != "OK ="+d.key || strings.HasPrefix(reply, "PERM ") {
		t.Fatalf("asked %q, replied %q, want to be asked %q", asked, reply, d.key)
	}
	return asked[1:]
}

var (
	cNetstring = regexp.MustCompile(`^0*([0-9]{0,2}):`)
	cBegun     = regexp.MustCompile(`^0*([0-9]{0,2})$`)
)

// readAsC is a second opinion on what requests are to get, with the limits of
// FuzzDialect, and on how it ends.
func readAsC(in string) (replies []due, end error) {
	for in != "" {
		m := cNetstring.FindStringSubmatch(in)
		if m == nil {
			m = cBegun.FindStringSubmatch(in)
			if m != nil && number(m[1]) <= 60 {
				return replies, io.ErrUnexpectedEOF
			}
			return append(replies, due{refusal: "Invalid query."}), socketmap.ErrMalformed
		}
		n := number(m[1])
		in = in[len(m[0]):]
		switch {
		case n > 60 || len(in) > n && in[n] != ',':
			return append(replies, due{refusal: "Invalid query."}), socketmap.ErrMalformed
		case len(in) <= n:
			return replies, io.ErrUnexpectedEOF
		}
		reply := judgeAsC(in[:n])
		replies = append(replies, reply)
		if reply.refusal == "Invalid query." {
			return replies, socketmap.ErrMalformed
		}
		in = in[n+1:]
	}
	return replies, io.EOF
}

var cRequest = regexp.MustCompile(`(?s)^ *([^ \x00]+) ?(.*)$`)

func judgeAsC(payload string) due {
	m := cRequest.FindStringSubmatch(payload)
	switch {
	case m == nil:
		return due{refusal: "Invalid query."}
	case len(m[2]) > 30:
		return due{refusal: "Too big."}
	case m[1] != "m":
		return due{refusal: "Invalid map."}
	}
	key, _, _ := strings.Cut(m[2], "\x00")
	return due{key: key}
}

// number is that of at most two digits.
func number(digits string) (n int) {
	for _, c := range digits {
		n = 10*n + int(c-'0')
	}
	return n
}
