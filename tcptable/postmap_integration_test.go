//go:build integration

package tcptable_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/dialog"
)

// postmap is Postfix's own client, with a configuration of its own.
type postmap struct{ program, config string }

// newPostmap fails where Postfix is not installed. SMTPUTF8 is on, as it is by
// default; or off, where Postfix takes any bytes.
func newPostmap(t *testing.T, smtputf8 string) postmap {
	t.Helper()
	program, err := exec.LookPath("postmap")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/postmap"); err != nil {
			t.Fatalf("Postfix is needed: %v", err)
		}
	}
	dir := t.TempDir()
	main := "compatibility_level = 3.6\nsmtputf8_enable = " + smtputf8 + "\nqueue_directory = " + dir + "\ndata_directory = " + dir + "\n"
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte(main), 0o644); err != nil {
		t.Fatal(err)
	}
	return postmap{program, dir}
}

// ask gives what postmap prints: a value with a line end, or nothing, and what
// it logs.
func (p postmap) ask(t *testing.T, table, key string, options ...string) (stdout, stderr string) {
	t.Helper()
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(t.Context(), p.program, append(options, "-c", p.config, "-q", key, table)...)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := cmd.Run()
	if found := out.Len() > 0; found != (err == nil) {
		t.Errorf("postmap printed %.60q and ended with %v", out.String(), err)
	}
	return out.String(), complaints.String()
}

// TestPostmap reads what Postfix says about a 400 from its verbose log, since
// it does not say it otherwise. The log is made by a second run: it changes
// control characters in what is printed.
func TestPostmap(t *testing.T) {
	table := "tcp:" + dialog.Listen(t, "tcp", newHandler())
	p := newPostmap(t, "yes")
	for _, c := range []struct {
		name, key string
		want      string // on stdout
		log       string // on stderr
	}{
		{name: "found", key: "user@example.com", want: "target@example.net\n", log: "found: "},
		{name: "not found", key: "nobody@example.com", log: "not found: 500 not found"},
		{name: "not found with a reason", key: "local@example.com", log: "not found: 500 Need not rewrite local domain."},
		{name: "spaces and quotes", key: `"a b"@example.com`, want: "quoted@example.net\n", log: `send: get "a%20b"@example.com`},
		{name: "UTF-8", key: "müller@example.com", want: "umlaut@example.net\n", log: "send: get m%C3%BCller@example.com"},
		{name: "UTF-8 value", key: "utf8", want: "müller@example.net\n", log: "recv: 200 m%C3%BCller@example.net"},
		{name: "percent", key: "100%@example.com", want: "percent@example.net\n", log: "send: get 100%25@"},
		{name: "percent value", key: "percent", want: "100%\n", log: "recv: 200 100%25"},
		{name: "backslash", key: `back\slash'quote@example.com`, want: "backslash@example.net\n"},
		{name: "quote and backslash", key: `"quo'te\back"@example.com`, want: "quotes@example.net\n"},
		{name: "null sender", key: "<>", want: "null-sender@example.net\n"},
		{name: "empty quoted", key: `""`, log: "not found: 500"},
		{name: "line feed in a key", key: "line\nfeed", want: "line feed\n", log: "send: get line%0Afeed"},
		{name: "carriage return in a key", key: "user@example.com\r", log: "send: get user@example.com%0D"},
		{name: "white space in a value", key: "spaces", want: "a b,\tc\nd\n"},
		{name: "punctuation", key: "punctuation", want: testValues["punctuation"] + "\n"},
		{name: "longest reply", key: "long4091", want: strings.Repeat("v", 4091) + "\n"},
		{name: "longest quoted reply", key: "exact", want: testValues["exact"] + "\n"},
		{name: "longest request", key: strings.Repeat("k", 4091), log: "not found: 500"},
		{name: "value too long", key: "long4092", log: "soft error: 400 a reply of 4097 bytes is over the limit of 4096"},
		{name: "request too long", key: strings.Repeat("k", 4092), log: "soft error: 400 malformed: line is longer than 4096 bytes"},
		{name: "TEMP", key: "temp@example.com", log: "soft error: 400 database: connection refused"},
		{name: "PERM", key: "perm@example.com", log: "soft error: 400 table is gone"},
		{name: "TIMEOUT", key: "timeout@example.com", log: "soft error: 400 database: context deadline exceeded"},
		{name: "panic", key: "panic@example.com", log: "soft error: 400 map \"aliases\": internal error, see the log"},
		{name: "noise in a reason", key: "noisy", log: "soft error: 400 two?lines, a bell?, 100%25, m%C3%BCller"},
		{name: "NUL in a value", key: "nul", log: "soft error: 400 value contains a NUL"},
		{name: "value is not UTF-8", key: "latin1", log: "soft error: 400 value is not valid UTF-8"},
		{name: "empty value", key: "empty", log: "not found: 500"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if stdout, _ := p.ask(t, table, c.key); stdout != c.want {
				t.Errorf("printed %.100q, want %.100q", stdout, c.want)
			}
			_, stderr := p.ask(t, table, c.key, "-v")
			if !strings.Contains(stderr, c.log) || strings.Contains(stderr, "warning: read TCP map reply") {
				t.Errorf("logged %.2000q, want %q", stderr, c.log)
			}
		})
	}
}

// TestPostmapEightBit: without SMTPUTF8 Postfix asks for any bytes.
func TestPostmapEightBit(t *testing.T) {
	table := "tcp:" + dialog.Listen(t, "tcp", newHandler())
	if stdout, stderr := newPostmap(t, "no").ask(t, table, "8bit-\xff\xfe"); stdout != "eight\n" {
		t.Errorf("printed %q, logged %q", stdout, stderr)
	}
}

// TestPostmapStream: many keys over one connection.
func TestPostmapStream(t *testing.T) {
	table := "tcp:" + dialog.Listen(t, "tcp", newHandler())
	p := newPostmap(t, "yes")
	cmd := exec.CommandContext(t.Context(), p.program, "-c", p.config, "-q", "-", table)
	cmd.Stdin = strings.NewReader(strings.Repeat("user@example.com\nnobody\nlocal@example.com\n<>\n", 500))
	out, err := cmd.Output()
	want := strings.Repeat("user@example.com\ttarget@example.net\n<>\tnull-sender@example.net\n", 500)
	if err != nil || string(out) != want {
		t.Errorf("%v, printed %d bytes, want %d", err, len(out), len(want))
	}
}
