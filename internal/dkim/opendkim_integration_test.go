//go:build integration

package dkim_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-milter"
	msgauth "github.com/emersion/go-msgauth/dkim"

	"postern/internal/dkim"
)

// filter is a real OpenDKIM with the configuration that is shipped, in a folder
// of its own and on a free port.
type filter struct {
	dir, addr string
	pid       int
	log       chan string
	failed    string // why it does not run
}

// opendkimUser is whose files the keys are.
func opendkimUser(t *testing.T) dkim.Owner {
	t.Helper()
	u, err := user.Lookup("opendkim")
	if err != nil {
		t.Fatalf("these tests need the package opendkim: %v", err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return dkim.Owner{UID: uid, GID: gid}
}

// folder is what /etc/opendkim is: OpenDKIM insists that nobody else can write
// anywhere above its keys, which rules /tmp out.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/lib", "postern-dkim-")
	if err != nil {
		t.Fatalf("these tests run as root: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"KeyTable", "SigningTable", "TrustedHosts"} {
		text, err := os.ReadFile(filepath.Join("../../opendkim", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// shipped is opendkim.conf at another place.
func shipped(t *testing.T, dir string, port int) string {
	t.Helper()
	text, err := os.ReadFile("../../opendkim/opendkim.conf")
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(
		"/etc/opendkim/", dir+"/",
		"inet:8891@", fmt.Sprintf("inet:%d@", port),
		"/run/opendkim/opendkim.pid", dir+"/run/pid",
	).Replace(string(text))
}

// start runs OpenDKIM over the tables in dir, with the shipped configuration
// after edit.
func start(t *testing.T, dir string, edit func(string) string) *filter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	owner := opendkimUser(t)
	run := filepath.Join(dir, "run")
	if err := os.MkdirAll(run, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(run, owner.UID, owner.GID); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "opendkim.conf")
	if err := os.WriteFile(conf, []byte(edit(shipped(t, dir, port))), 0o644); err != nil {
		t.Fatal(err)
	}
	var words bytes.Buffer
	f := &filter{dir: dir, addr: fmt.Sprintf("127.0.0.1:%d", port), log: make(chan string, 1000)}
	cmd := exec.Command("unshare", "--mount", "/bin/sh", "-c", ownDev, dir, conf)
	cmd.Stderr = &words
	f.syslog(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f.pid = cmd.Process.Pid
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	for range 200 {
		select {
		case <-ended:
			f.failed = strings.TrimSpace(words.String()) + strings.Join(f.logged(), "; ") + " (ended)"
			return f
		case <-time.After(50 * time.Millisecond):
		}
		if c, err := net.Dial("tcp", f.addr); err == nil {
			c.Close()
			return f
		}
	}
	f.failed = "does not listen"
	return f
}

// ownDev gives OpenDKIM a /dev of its own, so that the test reads what it
// logs. It takes the folder as $0 and the configuration as $1.
const ownDev = `mount --make-rprivate / && mount -t tmpfs dev "$0/dev" || exit 70
for name in null zero random urandom; do touch "$0/dev/$name" && mount --bind "/dev/$name" "$0/dev/$name" || exit 70; done
ln -s "$0/log" "$0/dev/log" && mount --rbind "$0/dev" /dev || exit 70
exec opendkim -f -x "$1"`

// syslog collects what OpenDKIM logs.
func (f *filter) syslog(t *testing.T) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(f.dir, "dev"), 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(f.dir, "log")
	os.Remove(path)
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	go func() {
		line := make([]byte, 4096)
		for {
			n, err := l.Read(line)
			if err != nil {
				return
			}
			f.log <- string(line[:n])
		}
	}()
}

// logged is what came since it was asked last. What is sent before a reply is
// there when the reply is.
func (f *filter) logged() (lines []string) {
	for {
		select {
		case line := <-f.log:
			lines = append(lines, line)
		case <-time.After(200 * time.Millisecond):
			return lines
		}
	}
}

func asShipped(conf string) string { return conf }

// mail is a message as Postfix hands it to a milter.
type mail struct {
	client, login, sender string
	header                [][2]string
	body                  string
}

func aMail() mail {
	return mail{
		client: "127.0.0.1", login: "alice", sender: "alice@example.org",
		header: [][2]string{
			{"From", "Alice <alice@example.org>"}, {"To", "bob@example.com"},
			{"Subject", "A subject that is long enough to be folded by somebody on the way to its recipient"},
			{"Date", "Fri, 20 Nov 2026 10:00:00 +0000"}, {"Message-ID", "<1@example.org>"},
		},
		body: "Hello  Bob,\r\n\r\na body with 8-bit: \xc3\xa9\r\n",
	}
}

// macros are those of Postfix at MAIL FROM.
func (m mail) macros() []string {
	macros := []string{"i", "4ABC", "{mail_addr}", m.sender}
	if m.login != "" {
		macros = append(macros, "{auth_type}", "PLAIN", "{auth_authen}", m.login)
	}
	return macros
}

// verdict is what became of a message: what the milter added, and its action.
type verdict struct {
	added  [][2]string
	action *milter.Action
}

// pass sends a mail through the filter. A reply that ends it early is returned.
func (f *filter) pass(t *testing.T, m mail) verdict {
	t.Helper()
	s, err := milter.NewClientWithOptions("tcp", f.addr, milter.ClientOptions{
		ActionMask: milter.OptAddHeader | milter.OptChangeHeader, ReadTimeout: 20 * time.Second, WriteTimeout: 20 * time.Second,
	}).Session()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	family := milter.FamilyInet
	if strings.Contains(m.client, ":") {
		family = milter.FamilyInet6
	}
	var last *milter.Action
	step := func(a *milter.Action, err error) bool {
		if err != nil {
			t.Fatal(err)
		}
		last = a
		return a.Code == milter.ActContinue
	}
	ok := step(s.Conn("client.example.com", family, 40000, m.client)) && step(s.Helo("client"))
	if err := s.Macros(milter.CodeMail, m.macros()...); err != nil {
		t.Fatal(err)
	}
	ok = ok && step(s.Mail("<"+m.sender+">", nil)) && step(s.Rcpt("<bob@example.com>", nil))
	for _, h := range m.header {
		ok = ok && step(s.HeaderField(h[0], h[1]))
	}
	if !ok || !step(s.HeaderEnd()) {
		return verdict{action: last}
	}
	changes, action, err := s.BodyReadFrom(strings.NewReader(m.body))
	if err != nil {
		t.Fatal(err)
	}
	v := verdict{action: action}
	for _, c := range changes {
		if c.Code == milter.ActInsertHeader || c.Code == milter.ActAddHeader {
			v.added = append(v.added, [2]string{c.HeaderName, c.HeaderValue})
		}
	}
	return v
}

// text is the message as it goes out.
func (m mail) text(added [][2]string) string {
	var b strings.Builder
	for _, h := range append(append([][2]string{}, added...), m.header...) {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], strings.ReplaceAll(strings.ReplaceAll(h[1], "\r\n", "\n"), "\n", "\r\n"))
	}
	return b.String() + "\r\n" + m.body
}

// signedFor is the d= of the signature that was added, "" without one.
func (v verdict) signedFor() string {
	for _, h := range v.added {
		if h[0] == "DKIM-Signature" {
			return regexp.MustCompile(`\bd=([^;\s]+)`).FindStringSubmatch(h[1])[1]
		}
	}
	return ""
}

// verify checks all signatures against the records of a report.
func verify(t *testing.T, message string, domains []dkim.Domain) error {
	t.Helper()
	found, err := msgauth.VerifyWithOptions(strings.NewReader(message), &msgauth.VerifyOptions{
		LookupTXT: func(name string) ([]string, error) {
			for _, d := range domains {
				if d.Record.Name == name {
					return []string{strings.Join(d.Record.Strings(), "")}, nil
				}
			}
			return nil, fmt.Errorf("no record %s", name)
		},
	})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("no signature")
	}
	for _, v := range found {
		if v.Err != nil {
			return v.Err
		}
	}
	return nil
}

func synced(t *testing.T, dir string, domains ...string) *dkim.Report {
	t.Helper()
	r, err := dkim.Sync(t.Context(), dkim.Options{Dir: dir, Owner: opendkimUser(t)}, domains)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestOpenDKIMSigns: the real filter signs with what Sync wrote.
func TestOpenDKIMSigns(t *testing.T) {
	dir := folder(t)
	r := synced(t, dir, "example.org", "example.net")
	f := start(t, dir, asShipped)
	m := aMail()
	v := f.pass(t, m)
	if got := v.signedFor(); got != "example.org" {
		t.Fatalf("signed for %q; added %q", got, v.added)
	}
	if err := verify(t, m.text(v.added), r.Domains); err != nil {
		t.Error(err)
	}
}

// TestEveryLineOfTheConfiguration: what a line is there for happens with it, and
// does not without it.
func TestEveryLineOfTheConfiguration(t *testing.T) {
	dir := folder(t)
	domains := synced(t, dir, "example.org", "example.net").Domains
	reasons := map[string]func(t *testing.T, f *filter) bool{
		"Socket": func(t *testing.T, f *filter) bool { return true },
		"UserID": func(t *testing.T, f *filter) bool { return f.uid(t) == opendkimUser(t).UID },
		"PidFile": func(t *testing.T, f *filter) bool {
			_, err := os.Stat(filepath.Join(f.dir, "run/pid"))
			os.Remove(filepath.Join(f.dir, "run/pid"))
			return err == nil
		},
		"Syslog": func(t *testing.T, f *filter) bool {
			m := aMail()
			m.sender = "broken"
			f.pass(t, m)
			return strings.Contains(strings.Join(f.logged(), "\n"), "can't parse")
		},
		"SyslogSuccess": func(t *testing.T, f *filter) bool {
			f.pass(t, aMail())
			return strings.Contains(strings.Join(f.logged(), "\n"), "DKIM-Signature field added (s=mail, d=example.org)")
		},
		"Mode": func(t *testing.T, f *filter) bool {
			signed := aMail()
			m := aMail()
			m.sender = "alice@unsigned.test"
			m.header = append([][2]string{f.pass(t, signed).added[0]}, m.header...)
			v := f.pass(t, m)
			// without an answer of DNS it is the log that tells
			return len(v.added) == 0 && !strings.Contains(strings.Join(f.logged(), "\n"), "key retrieval failed")
		},
		"SenderMacro": func(t *testing.T, f *filter) bool {
			m := aMail()
			m.header[0][1] = "The chief <chief@example.net>"
			return f.pass(t, m).signedFor() == "example.org"
		},
		"Canonicalization": func(t *testing.T, f *filter) bool {
			m := aMail()
			added := f.pass(t, m).added
			m.header[2][1] = strings.Replace(m.header[2][1], " to be folded", "\r\n\tto be folded", 1)
			return verify(t, m.text(added), domains) == nil
		},
		"OversignHeaders": func(t *testing.T, f *filter) bool {
			m := aMail()
			added := f.pass(t, m).added
			if err := verify(t, m.text(added), domains); err != nil {
				t.Fatal(err)
			}
			return verify(t, m.text(append(added, [2]string{"From", "chief@example.net"})), domains) != nil
		},
		"KeyTable":     func(t *testing.T, f *filter) bool { return f.pass(t, aMail()).signedFor() == "example.org" },
		"SigningTable": func(t *testing.T, f *filter) bool { return f.pass(t, aMail()).signedFor() == "example.org" },
		"InternalHosts": func(t *testing.T, f *filter) bool {
			m := aMail()
			m.login = ""
			return f.pass(t, m).signedFor() == ""
		},
	}
	for _, name := range parameters(t) {
		reason, known := reasons[name]
		if !known {
			t.Errorf("%s: no reason for this line", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			whole := start(t, dir, asShipped)
			if whole.failed != "" || !reason(t, whole) {
				t.Fatalf("the reason does not hold with the line: %s", whole.failed)
			}
			without := start(t, dir, func(conf string) string {
				return regexp.MustCompile(`(?m)^`+name+`\s.*\n`).ReplaceAllString(conf, "")
			})
			if without.failed == "" && reason(t, without) {
				t.Error("the line has no effect")
			}
		})
	}
}

// parameters are those of the shipped file.
func parameters(t *testing.T) (names []string) {
	t.Helper()
	for line := range strings.Lines(shipped(t, "/", 1)) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0][0] != '#' {
			names = append(names, fields[0])
		}
	}
	return names
}

// uid is who OpenDKIM runs as.
func (f *filter) uid(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.pid))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^Uid:\t\d+\t(\d+)`).FindSubmatch(status)
	uid, _ := strconv.Atoi(string(found[1]))
	return uid
}

// TestWhoseSignature: the envelope sender decides, whatever the header says.
func TestWhoseSignature(t *testing.T) {
	dir := folder(t)
	synced(t, dir, "example.org", "example.net")
	f := start(t, dir, asShipped)
	for _, c := range []struct{ name, sender, from, want string }{
		{"own", "alice@example.org", "alice@example.org", "example.org"},
		{"foreign From", "alice@example.org", "chief@example.net", "example.org"},
		{"no key", "alice@unsigned.test", "chief@example.net", ""},
		{"capitals", "Alice@Example.ORG", "alice@example.org", "example.org"},
		{"subdomain", "alice@sub.example.org", "alice@example.org", ""},
		{"longer domain", "alice@notexample.org", "alice@example.org", ""},
		{"address in a quoted local part", `"x <chief@example.net> y"@example.org`, "alice@example.org", "example.org"},
		{"comment in a quoted local part", `"(chief@example.net"@example.org`, "alice@example.org", "example.org"},
		{"list in a quoted local part", `"chief@example.net,"@example.org`, "alice@example.org", "example.org"},
		{"the null sender leaves it to From", "", "chief@example.net", "example.net"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := aMail()
			m.sender, m.header[0][1] = c.sender, c.from
			if got := f.pass(t, m).signedFor(); got != c.want {
				t.Errorf("signed for %q, want %q", got, c.want)
			}
		})
	}
}

func TestStrangersAreNotSigned(t *testing.T) {
	dir := folder(t)
	synced(t, dir, "example.org")
	f := start(t, dir, asShipped)
	for _, client := range []string{"192.0.2.1", "127.0.0.1", "::1"} {
		m := aMail()
		m.client, m.login = client, ""
		if v := f.pass(t, m); len(v.added) != 0 {
			t.Errorf("%s: added %q", client, v.added)
		}
	}
}

// TestKeyInTrouble: mail of that domain waits, and others are signed.
func TestKeyInTrouble(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"gone":      os.Remove,
		"empty":     func(path string) error { return os.Truncate(path, 0) },
		"rubbish":   func(path string) error { return os.WriteFile(path, []byte("-----BEGIN RUBBISH-----"), 0o600) },
		"open":      func(path string) error { return os.Chmod(path, 0o644) },
		"of root":   func(path string) error { return os.Chown(path, 0, 0) },
		"of others": func(path string) error { return os.Chown(path, 12345, 12345) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t)
			synced(t, dir, "example.org", "example.net")
			if err := spoil(filepath.Join(dir, "keys/example.org/mail.private")); err != nil {
				t.Fatal(err)
			}
			f := start(t, dir, asShipped)
			if f.failed != "" {
				t.Fatal(f.failed)
			}
			if v := f.pass(t, aMail()); v.action.Code != milter.ActTempFail && v.action.SMTPCode != 451 {
				t.Errorf("mail of a domain without a usable key: %+v, added %q", v.action, v.added)
			}
			m := aMail()
			m.sender = "a@example.net"
			if got := f.pass(t, m).signedFor(); got != "example.net" {
				t.Errorf("other domain signed for %q", got)
			}
		})
	}
}

// TestUnknownKey: why KeyTable is written before SigningTable.
func TestUnknownKey(t *testing.T) {
	dir := folder(t)
	synced(t, dir, "example.org")
	if err := os.Truncate(filepath.Join(dir, "KeyTable"), 0); err != nil {
		t.Fatal(err)
	}
	f := start(t, dir, asShipped)
	if f.failed != "" {
		t.Fatal(f.failed)
	}
	if v := f.pass(t, aMail()); v.action.Code != milter.ActTempFail {
		t.Errorf("mail of a domain whose key is in no table: %+v, added %q", v.action, v.added)
	}
}
