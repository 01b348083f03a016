package tcptable_test

import (
	"bytes"
	"context"
	"encoding/hex"
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

// replyLine is what Postfix takes for a well-formed reply (tcp_table(5)).
var replyLine = regexp.MustCompile(`^(200 ([!-$&-~]|%[0-9A-F]{2})+|[45]00 ([ -$&-~]|%[0-9A-F]{2})+)$`)

// FuzzConversation plays whatever a peer may send. Every reply must parse,
// each must be the answer to its request, none may be missing, and portions
// make no difference.
func FuzzConversation(f *testing.F) {
	f.Add([]byte("get user@example.com\nget nobody\n"))
	f.Add([]byte("get a%20b%00c%ff\nget temp\xff\r\n"))
	f.Add([]byte("get \nget why\xc3\xbc\n\n"))
	f.Add([]byte("get 100%\nget a\n"))
	f.Add([]byte("get " + strings.Repeat("%20", 40) + "\n"))
	f.Add([]byte(strings.Repeat("x", 200)))
	f.Fuzz(func(t *testing.T, in []byte) {
		var asked []string
		h := &tcptable.Handler{Limits: tcptable.Limits{Request: 100, Reply: 90},
			Map: lookup.Func(func(_ context.Context, key string) (string, bool, error) {
				asked = append(asked, key)
				return mirror(key)
			})}
		replies, err := dialog.Run(h, bytes.NewReader(in))
		if again, _ := dialog.Run(h, iotest.OneByteReader(bytes.NewReader(in))); again != replies {
			t.Fatalf("in one piece %q, byte by byte %q", replies, again)
		}
		lines := strings.SplitAfter(replies, "\n")
		if last := lines[len(lines)-1]; last != "" {
			t.Fatalf("a reply without an end: %q", last)
		}
		lines = lines[:len(lines)-1]
		if errors.Is(err, tcptable.ErrMalformed) {
			if len(lines) == 0 || !strings.HasPrefix(lines[len(lines)-1], "400 malformed") {
				t.Fatalf("malformed request, but replies %q", lines)
			}
			lines = lines[:len(lines)-1]
		} else if err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
		inStep(t, asked[:len(asked)/2], lines)
	})
}

// mirror makes the answer from the key, so that an answer tells its question.
func mirror(key string) (string, bool, error) {
	switch {
	case strings.HasPrefix(key, "temp"):
		return "", false, errors.New(key)
	case strings.HasPrefix(key, "why"):
		return key, false, nil
	}
	return "=" + key, true, nil
}

func inStep(t *testing.T, keys, lines []string) {
	t.Helper()
	if len(keys) != len(lines) {
		t.Fatalf("%d questions, %d replies: %q, %q", len(keys), len(lines), keys, lines)
	}
	for i, line := range lines {
		if !replyLine.MatchString(strings.TrimSuffix(line, "\n")) {
			t.Fatalf("reply %q", line)
		}
		if strings.HasPrefix(line, "200 ") && decode(line[4:len(line)-1]) != "="+keys[i] {
			t.Fatalf("asked %q, replied %q", keys[i], line)
		}
	}
}

var percent = regexp.MustCompile(`%..`)

// decode is a second opinion on what a value means.
func decode(quoted string) string {
	return percent.ReplaceAllStringFunc(quoted, func(s string) string {
		b, _ := hex.DecodeString(s[1:])
		return string(b)
	})
}
