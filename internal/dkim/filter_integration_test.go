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
	"postern/internal/scratch"
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
	port, err := scratch.FreePort()
	if err != nil {
		t.Fatal(err)
	}
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
