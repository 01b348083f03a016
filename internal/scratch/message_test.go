package scratch

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestTakeMessages(t *testing.T) {
	text, err := os.ReadFile("testdata/capture")
	if err != nil {
		t.Fatal(err)
	}
	second := int64(bytes.LastIndex(text, []byte("=== MARK")))
	s := &Sink{mark: "=== MARK ===\n"}
	// The second message began after the file's size was taken: it may be half.
	if err := s.take(text[:len(text)-9], second); err != nil {
		t.Fatal(err)
	}
	if len(s.messages) != 1 || s.offset != second {
		t.Fatalf("%d messages up to %d; want 1 up to %d", len(s.messages), s.offset, second)
	}
	if err := s.take(text[s.offset:], int64(len(text))-s.offset); err != nil {
		t.Fatal(err)
	}
	if len(s.messages) != 2 || s.offset != int64(len(text)) {
		t.Fatalf("%d messages up to %d; want 2 up to %d", len(s.messages), s.offset, len(text))
	}
	one, two := s.messages[0], s.messages[1]
	if one.Sender != "SRS0=hash=AB=example.org=a@example.com" || two.Sender != "" {
		t.Errorf("senders %q and %q", one.Sender, two.Sender)
	}
	if want := []string{"one@example.net", `"o>d\"d>"@example.net`}; !slices.Equal(one.Recipients, want) {
		t.Errorf("recipients %q, want %q", one.Recipients, want)
	}
	if data := string(one.Data); !strings.HasPrefix(data, "Received: ") || !strings.HasSuffix(data, "\n\nX-Rcpt-Args: not an envelope line\n") {
		t.Errorf("data %q", data)
	}
	if !strings.HasSuffix(string(two.Data), "\n\nbody\n") {
		t.Errorf("data %q", two.Data)
	}
}

func TestTakeDamagedCapture(t *testing.T) {
	for name, text := range map[string]string{
		"no mark":      "X-Client-Addr: 127.0.0.1\n",
		"no recipient": "M\nX-Mail-Args: FROM:<>\nReceived: x\n",
		"cut envelope": "M\nX-Mail-Args: FROM:<>\nX-Rcpt-Args: TO:<a@b>",
	} {
		s := &Sink{mark: "M\n"}
		if err := s.take([]byte(text), int64(len(text))); err == nil {
			t.Errorf("%s: taken as %+v", name, s.messages)
		}
	}
}

func TestEnvelopeAddress(t *testing.T) {
	for args, want := range map[string]string{
		"FROM:<a@b> SIZE=1": "a@b",
		"FROM:<>":           "",
		`TO:<"a\">b"@c>`:    `"a\">b"@c`,
		"TO:a@b":            "TO:a@b",
		"TO:<a@b":           "a@b",
	} {
		if got := envelopeAddress(args); got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
}
