package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"postern/internal/milter/miltertest"
	"postern/internal/store"
)

const logsManual = repository + "/docs/logs.md"

// logged is a daemon whose standard error is a file that JOURNAL_STREAM names.
type logged struct {
	dir, http, policy, guard, srs, maps string

	cmd *exec.Cmd
}

func startLogged(t *testing.T, format string) *logged {
	t.Helper()
	l := &logged{dir: t.TempDir()}
	free := &ports{}
	for _, at := range []*string{&l.http, &l.policy, &l.guard, &l.srs, &l.maps} {
		*at = free.address(t)
	}
	database := filepath.Join(l.dir, "postern.db")
	if err := store.InitSQLite(database); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(store.Options{Driver: "sqlite", Path: database, MaxConnections: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.DB().Exec("INSERT INTO domain (name) VALUES ('example.org'); INSERT INTO api_bans (ban_type, ban_value, reason) VALUES ('domain', 'banned.example', 'spam trap')")
	s.Close()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"srs.secret": "a secret line\n", "big": "info@example.org " + strings.Repeat("x", 200_000) + "\n", "postern.yaml": fmt.Sprintf(`
database: {driver: sqlite, path: postern.db}
state_dir: state
control: control
metrics: {listen: "inet:%s"}
log: {format: %s, level: debug}
socketmap: {listen: ["inet:%s"]}
maps: {big: {file: big}}
srsd: {domain: srs.example.org, secrets_file: srs.secret, milter: "inet:%s"}
policyd:
  listen: ["inet:%s"]
  chains: {gate: [bans]}
  bans: {sender: [domain], recipient: [], destination: []}
  from_guard: inet:%s
`, l.http, format, l.maps, l.srs, l.policy, l.guard)}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	journal, err := os.Create(filepath.Join(l.dir, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	info, err := journal.Stat()
	if err != nil {
		t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	l.cmd = exec.Command("postern", "serve", "--config", filepath.Join(l.dir, "postern.yaml"))
	l.cmd.Stderr = journal
	l.cmd.Env = append(os.Environ(), fmt.Sprintf("JOURNAL_STREAM=%d:%d", st.Dev, st.Ino))
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.cmd.Process.Kill() })
	return l
}

// dial waits for the daemon to listen.
func (l *logged) dial(t *testing.T, at string) net.Conn {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", at)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
			return conn
		}
		if time.Now().After(end) {
			text, _ := os.ReadFile(filepath.Join(l.dir, "journal"))
			t.Fatalf("%v\n%s", err, text)
		}
	}
}

// play has the daemon write each kind of line that the manual shows, with what
// a hostile client can put into a request.
func (l *logged) play(t *testing.T) {
	t.Helper()
	ask := func(at, request string) string {
		conn := l.dial(t, at)
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		conn.SetReadDeadline(time.Now().Add(patience))
		answer := make([]byte, 4096)
		n, _ := conn.Read(answer) // what is refused may be a connection that ends
		return string(answer[:n])
	}
	policy := func(sender string) string {
		return ask(l.policy, "request=smtpd_access_policy\nprotocol_state=RCPT\npolicy_context=gate\nclient_address=192.0.2.7\nclient_name=mail.example.net\n"+
			"helo_name=mail.example.net\nsender="+sender+"\nrecipient=info@example.org\nqueue_id=\ninstance=1\n\n")
	}
	// The tables may not be loaded yet.
	for end := time.Now().Add(patience); !strings.HasPrefix(policy("jane@banned.example"), "action=5"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing is banned")
		}
	}
	policy("x\x1b[31m\u202e client_address=203.0.113.9 \"@banned.example")
	policy(strings.Repeat("y", 900) + "\xff@banned.example")
	ask(l.policy, "no request\n\n")
	ask(l.maps, "20:big info@example.org,")

	guard := miltertest.NewPeer(t, l.dial(t, l.guard))
	guard.Send(miltertest.OptNeg, "CONNECT mail.example.net 4 587 192.0.2.7", "MACRO MAIL i=4AbC {auth_authen}=alice", "MAIL <alice@example.net>",
		"HEADER From: ceo@example.org", "MACRO END i=4AbC", "END", "QUIT")
	for range guard.Replies {
	}
	srs := miltertest.NewPeer(t, l.dial(t, l.srs))
	srs.Send(miltertest.OptNeg, "CONNECT mail.example.net 6 25 IPv6:2001:db8::7", "MACRO MAIL i=4AbD", "MAIL <jane@example.net>", "RCPT <info@"+strings.Repeat("x", 600)+">", "QUIT")
	for range srs.Replies {
	}
}

// lines stops the daemon and reads what it wrote, without the priorities.
func (l *logged) lines(t *testing.T) []string {
	t.Helper()
	if err := l.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := l.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(l.dir, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if bytes.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) || len(line) > 47<<10 {
			t.Errorf("%.300q", line)
		}
		rest, ok := bytes.CutPrefix(line, []byte("<"))
		if !ok || len(rest) < 2 || !strings.ContainsRune("3467", rune(rest[0])) || rest[1] != '>' {
			t.Fatalf("no priority: %.200q", line)
		}
		all = append(all, string(rest[2:]))
	}
	return all
}

// form is what two lines of one kind share: level, message and the names.
func form(line string) string {
	name := regexp.MustCompile(`([a-z_]+)=("(?:[^"\\]|\\.)*"|\S*)`)
	var words []string
	for _, m := range name.FindAllStringSubmatch(line, -1) {
		switch m[1] {
		case "level", "msg", "check", "action":
			words = append(words, m[0])
		default:
			words = append(words, m[1])
		}
	}
	return strings.Join(words, " ")
}

// shownIn are the blocks of a kind in the manual of the log.
func shownIn(t *testing.T, kind string) []block {
	t.Helper()
	var found []block
	for _, b := range readDocument(t, logsManual).blocks {
		if b.kind == kind {
			found = append(found, b)
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s shows no %s", logsManual, kind)
	}
	return found
}

// TestLogManual holds the examples of docs/logs.md to what a daemon writes.
func TestLogManual(t *testing.T) {
	l := startLogged(t, "text")
	l.play(t)
	written := l.lines(t)
	var forms []string
	for _, line := range written {
		forms = append(forms, form(line))
	}
	for _, b := range shownIn(t, "log") {
		for line := range strings.Lines(b.text) {
			if !slices.Contains(forms, form(line)) {
				t.Errorf("no daemon writes\n%sof the form %s; it wrote\n%s", line, form(line), strings.Join(written, "\n"))
			}
		}
	}
	testFilter(t, written)
}

// testFilter tries the filter for fail2ban: each refusal by a ban is found with
// its client, and nothing that a client says is taken for another's address.
func testFilter(t *testing.T, lines []string) {
	t.Helper()
	_, rest, _ := strings.Cut(shownIn(t, "ini")[0].text, "failregex = ")
	text, _, _ := strings.Cut(rest, "\n")
	text = strings.NewReplacer("%(__prefix_line)s", `(?:\S+ postern\[\d+\]: )?`, "<HOST>", `(?P<host>[0-9a-fA-F:.]+)`).Replace(text)
	filter := regexp.MustCompile(text)
	hits := 0
	for _, line := range lines {
		if m := filter.FindStringSubmatch("mx1 postern[812]: " + line); m != nil {
			hits++
			if m[filter.SubexpIndex("host")] != "192.0.2.7" || !strings.Contains(line, "check=bans") {
				t.Errorf("found %s in %s", m[filter.SubexpIndex("host")], line)
			}
		}
	}
	if hits < 3 {
		t.Errorf("%d refusals found by %s in\n%s", hits, text, strings.Join(lines, "\n"))
	}
}

// TestLogManualJSON holds the example in JSON to the names of a real line, and
// these to those of text.
func TestLogManualJSON(t *testing.T) {
	l := startLogged(t, "json")
	l.play(t)
	names := map[string]string{}
	for _, line := range l.lines(t) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		names[fmt.Sprint(object["msg"], object["check"])] = keysOf(object)
	}
	for _, b := range shownIn(t, "json") {
		for line := range strings.Lines(b.text) {
			var object map[string]any
			if err := json.Unmarshal([]byte(line), &object); err != nil {
				t.Fatal(err)
			}
			if want := names[fmt.Sprint(object["msg"], object["check"])]; keysOf(object) != want {
				t.Errorf("shown %s, a daemon writes %s", keysOf(object), want)
			}
		}
	}
}

func keysOf(object map[string]any) string {
	var keys []string
	for key := range object {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return strings.Join(keys, " ")
}
