package daemon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// written is the line that a logger makes of a message.
func written(t testing.TB, format string, hide func(string) string, say func(*slog.Logger)) string {
	t.Helper()
	var out bytes.Buffer
	log, err := NewLogger(&out, format, slog.LevelDebug, hide)
	if err != nil {
		t.Fatal(err)
	}
	say(log)
	return out.String()
}

// wantOneLine holds a line to what every line is: one, printable, bounded.
func wantOneLine(t testing.TB, line string) {
	t.Helper()
	body, ended := strings.CutSuffix(line, "\n")
	if !ended || !utf8.ValidString(line) || len(line) > lineLimit {
		t.Errorf("%d bytes, ended %v: %.300q", len(line), ended, line)
	}
	if i := strings.IndexFunc(body, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("byte %d is not printable: %q", i, body[max(0, i-20):min(len(body), i+20)])
	}
}

// parsed reads a line of text back: NAME=WORD or NAME="as in Go".
func parsed(t testing.TB, line string) map[string]string {
	t.Helper()
	all, rest := map[string]string{}, strings.TrimSuffix(line, "\n")
	for rest != "" {
		name, value, ok := strings.Cut(rest, "=")
		if !ok {
			t.Fatalf("no = in %q", rest)
		}
		if quoted, err := strconv.QuotedPrefix(value); err == nil && value[0] == '"' {
			all[name], _ = strconv.Unquote(quoted)
			rest = strings.TrimPrefix(value[len(quoted):], " ")
			continue
		}
		all[name], rest, _ = strings.Cut(value, " ")
	}
	return all
}

type broken struct{}

func (*broken) Error() string { panic("nil") }

func TestFit(t *testing.T) {
	for _, test := range []struct {
		name  string
		value any
		text  string // in both formats
	}{
		{"plain", "a b", "a b"},
		{"nothing", "", ""},
		{"a line feed", "a\r\nlevel=ERROR msg=forged", "a\r\nlevel=ERROR msg=forged"},
		{"controls", "a\x00\x1b[31mb", "a\x00\x1b[31mb"},
		{"delete", "a\x7fb", "a␡b"},
		{"C1", "a\u009bb", "a\u009bb"},
		{"bidi", "a\u202eb\u2066c", "a\u202eb\u2066c"},
		{"line separator", "a\u2028b", "a\u2028b"},
		{"astral and not printable", "a\U000e0041b", "a\U000e0041b"},
		{"not UTF-8", "a\xffb", "a\xffb"},
		{"quotes", `a"b=c\d`, `a"b=c\d`},
		{"too long", strings.Repeat("x", 5000), strings.Repeat("x", 4095) + "…"},
		{"too long, in the midst of a character", strings.Repeat("x", 4094) + "ää", strings.Repeat("x", 4094) + "…"},
		{"too long, and not UTF-8", strings.Repeat("\x80", 5000), strings.Repeat("\x80", 4095) + "…"},
		{"an error", fmt.Errorf("stage: %w", errors.New("a\u202eb")), "stage: a\u202eb"},
		{"an error that panics", (*broken)(nil), "<nil>"},
		{"a Stringer", netip.MustParseAddr("192.0.2.1"), "192.0.2.1"},
		{"bytes", []byte("a\nb"), "a\nb"},
		{"a struct", struct{ A string }{"\u202e"}, "{A:\u202e}"},
		{"a valuer", slog.AnyValue(valuer{}), "va\u202elue"},
	} {
		t.Run(test.name, func(t *testing.T) {
			say := func(log *slog.Logger) { log.Info("m", "key", test.value) }
			line := written(t, "text", nil, say)
			wantOneLine(t, line)
			if got := parsed(t, line)["key"]; got != test.text {
				t.Errorf("text: %q, want %q", got, test.text)
			}
			line = written(t, "json", nil, say)
			wantOneLine(t, line)
			var got map[string]any
			if err := json.Unmarshal([]byte(line), &got); err != nil || got["key"] != strings.ToValidUTF8(test.text, "\uFFFD") && !strings.Contains(test.text, "\x80\x80") {
				t.Errorf("json: %q %v, want %q", got["key"], err, test.text)
			}
		})
	}
}

type valuer struct{}

func (valuer) LogValue() slog.Value { return slog.StringValue("va\u202elue") }

// What is long in all its parts is bounded as a whole, that of With included.
func TestFitAsAWhole(t *testing.T) {
	worst := strings.Repeat("\x01", 100_000)
	many := make([]string, 1000)
	for i := range many {
		many[i] = worst
	}
	for _, format := range []string{"text", "json"} {
		line := written(t, format, MaskAddresses, func(log *slog.Logger) {
			log = log.With("a", worst, "b", worst, "sender", worst).WithGroup("g").With("c", worst)
			log.Error(worst, "key", worst, slog.Group("q", "k", worst), "list", many, "error", errors.New(worst))
		})
		wantOneLine(t, line)
	}
}

func TestListsStayListsInJSON(t *testing.T) {
	line := written(t, "json", MaskAddresses, func(log *slog.Logger) { log.Info("m", "contexts", []string{"a", "jane@example.net"}) })
	if !strings.Contains(line, `"contexts":["a","j***@example.net"]`) {
		t.Error(line)
	}
}

// However long the words of others are, what a line is found by stays in it.
func TestShortTextsStay(t *testing.T) {
	line := written(t, "text", nil, func(log *slog.Logger) {
		log.Warn("m", "error", strings.Repeat("x", 9000), "stack", strings.Repeat("y", 9000), "sender", "jane@example.net", "queue_id", "4AbC")
	})
	got := parsed(t, line)
	if got["sender"] != "jane@example.net" || got["queue_id"] != "4AbC" || len(got["error"]) < 4000 || len(got["stack"]) < 200 {
		t.Errorf("%.300s … %s", line, line[len(line)-100:])
	}
}

// FuzzLine: whatever others say, it is one line of printable text that reads as
// it was meant.
func FuzzLine(f *testing.F) {
	for _, s := range []string{"", "a b", "a\nb", "\x7f\x00\x1b", "\u202e\u2066\u0085\u2028", "\xff\xc3", `"\`, "'a'", "`a`", "jane@example.net", `"a b"@x.test`, "a=b c=\"d", "\U000e0041"} {
		f.Add(s, "jane@example.net", uint16(1))
		f.Add("m", s, uint16(700))
	}
	f.Fuzz(func(t *testing.T, key, sender string, times uint16) {
		key = strings.Repeat(key, int(times%2000)+1)
		key = key[:min(len(key), 200_000)]
		for _, hide := range []func(string) string{nil, MaskAddresses, HashAddresses([]byte("k"))} {
			say := func(log *slog.Logger) {
				log.With("queue_id", sender).Warn(key, "id", "K7", "key", key, "sender", sender, "error", errors.New(key))
			}
			text, object := written(t, "text", hide, say), written(t, "json", hide, say)
			wantOneLine(t, text)
			wantOneLine(t, object)
			var got map[string]any
			if err := json.Unmarshal([]byte(object), &got); err != nil {
				t.Fatalf("%v: %q", err, object)
			}
			for name, value := range parsed(t, text) {
				if name != "time" && strings.ToValidUTF8(value, "") != strings.ReplaceAll(fmt.Sprint(got[name]), "\uFFFD", "") && !strings.Contains(value, "\uFFFD") {
					t.Errorf("%s is %q in text and %q in JSON", name, value, got[name])
				}
			}
			if hide == nil && len(sender) <= shortLimit && strings.ReplaceAll(sender, "\x7f", "␡") != parsed(t, text)["sender"] {
				t.Errorf("sender %q became %q", sender, parsed(t, text)["sender"])
			}
		}
	})
}
