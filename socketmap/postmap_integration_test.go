//go:build integration

package socketmap_test

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

// ask gives what postmap prints: a value with a line end, or nothing, and its
// warnings.
func (p postmap) ask(t *testing.T, table, key string) (stdout, stderr string) {
	t.Helper()
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(t.Context(), p.program, "-c", p.config, "-q", key, table)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := cmd.Run()
	if found := out.Len() > 0; found != (err == nil) {
		t.Errorf("postmap printed %.60q and ended with %v", out.String(), err)
	}
	return out.String(), complaints.String()
}

func TestPostmap(t *testing.T) {
	for network, table := range map[string]string{"unix": "socketmap:unix:", "tcp": "socketmap:inet:"} {
		table += dialog.Listen(t, network, newHandler()) + ":"
		p := newPostmap(t, "yes")
		for _, c := range []struct {
			name, table, key string
			want             string // on stdout
			complaint        string // on stderr
		}{
			{name: "found", key: "user@example.com", want: "target@example.net\n"},
			{name: "not found", key: "nobody@example.com"},
			{name: "not found with a reason", key: "local@example.com"},
			{name: "another map", table: "domains", key: "example.com", want: "1\n"},
			{name: "spaces and quotes", key: `"a b"@example.com`, want: "quoted@example.net\n"},
			{name: "space at the end", key: "user@example.com "},
			{name: "UTF-8", key: "müller@example.com", want: "umlaut@example.net\n"},
			{name: "UTF-8 value", key: "utf8", want: "müller@example.net\n"},
			{name: "percent", key: "100%@example.com", want: "percent@example.net\n"},
			{name: "backslash", key: `back\slash'quote@example.com`, want: "backslash@example.net\n"},
			{name: "comma and colon", key: "a,b:1,2", want: "comma\n"},
			{name: "null sender", key: "<>", want: "null-sender@example.net\n"},
			{name: "empty quoted", key: `""`},
			{name: "white space in a value", key: "spaces", want: " a b,\tc\nd \n"},
			{name: "largest value", key: "long99997", want: strings.Repeat("v", 99997) + "\n"},
			{name: "longest key", key: strings.Repeat("k", 10000), want: "longest\n"},
			{name: "value too large", key: "long99998", complaint: "temporary error: value of 99998 bytes is over the reply limit of 100000"},
			{name: "key too long", key: strings.Repeat("k", 10001), complaint: "permanent error: key is longer than 10000 bytes"},
			{name: "request too large", key: strings.Repeat("k", 10300), complaint: "permanent error: malformed: netstring length: over the limit of 10256 bytes"},
			{name: "TEMP", key: "temp@example.com", complaint: "temporary error: database: connection refused"},
			{name: "PERM", key: "perm@example.com", complaint: "permanent error: table is gone"},
			{name: "TIMEOUT", key: "timeout@example.com", complaint: "timeout error: database: context deadline exceeded"},
			{name: "panic", key: "panic@example.com", complaint: "temporary error: map \"aliases\": internal error, see the log"},
			{name: "unknown map", table: "alias", key: "k", complaint: `permanent error: unknown map "alias"; known: aliases, domains`},
			{name: "NUL in a value", key: "nul", complaint: "permanent error: value contains a NUL"},
			{name: "value is not UTF-8", key: "latin1", complaint: "permanent error: value is not valid UTF-8"},
			{name: "empty value", key: "empty"},
			{name: "long reason", key: "wordy", complaint: "temporary error: " + strings.Repeat("x", 197) + "..."},
		} {
			t.Run(network+" "+c.name, func(t *testing.T) {
				t.Parallel()
				name := c.table
				if name == "" {
					name = "aliases"
				}
				stdout, stderr := p.ask(t, table+name, c.key)
				if stdout != c.want {
					t.Errorf("printed %.100q, want %.100q", stdout, c.want)
				}
				if !strings.Contains(stderr, c.complaint) || (c.complaint == "") != (stderr == "") {
					t.Errorf("complained %.600q, want %q", stderr, c.complaint)
				}
			})
		}
	}
}

// TestPostmapEightBit: without SMTPUTF8 Postfix asks for any bytes.
func TestPostmapEightBit(t *testing.T) {
	table := "socketmap:unix:" + dialog.Listen(t, "unix", newHandler()) + ":aliases"
	if stdout, stderr := newPostmap(t, "no").ask(t, table, "8bit-\xff\xfe"); stdout != "eight\n" || stderr != "" {
		t.Errorf("printed %q, complained %q", stdout, stderr)
	}
	if stdout, stderr := newPostmap(t, "yes").ask(t, table, "8bit-\xff\xfe"); stdout != "" {
		t.Errorf("printed %q, complained %q", stdout, stderr)
	}
}

// TestPostmapStream: many keys over one connection.
func TestPostmapStream(t *testing.T) {
	table := "socketmap:unix:" + dialog.Listen(t, "unix", newHandler()) + ":aliases"
	p := newPostmap(t, "yes")
	cmd := exec.CommandContext(t.Context(), p.program, "-c", p.config, "-q", "-", table)
	cmd.Stdin = strings.NewReader(strings.Repeat("user@example.com\nnobody\nlocal@example.com\n<>\n", 500))
	out, err := cmd.Output()
	want := strings.Repeat("user@example.com\ttarget@example.net\n<>\tnull-sender@example.net\n", 500)
	if err != nil || string(out) != want {
		t.Errorf("%v, printed %d bytes, want %d", err, len(out), len(want))
	}
}
