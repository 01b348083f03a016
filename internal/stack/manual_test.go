//go:build integration

package stack

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestInstallingByTheManual does what docs/install.md says, block by block, on
// a host where nothing was configured, and then forwards a mail. Only three
// programs are stood in for: systemctl, since no systemd runs here, make, since
// the package and the program behind `make configure` were built outside, and
// apt-get, since all but the package is installed.
func TestInstallingByTheManual(t *testing.T) {
	s := bareHost(t)
	var said string
	for i, block := range manualBlocks(t, "install.md", 6) {
		out, err := run(block, "/bin/bash", "-euo", "pipefail")
		if err != nil && !strings.Contains(block, "postern check") { // which has something to say about DNS, say
			t.Fatalf("block %d:\n%s\n%v", i+1, block, err)
		}
		said += out
	}
	if !strings.Contains(said, "\nsomeone@example.net\n") {
		t.Errorf("postmap does not say where info@example.org leads:\n%s", said)
	}
	for _, line := range regexp.MustCompile(`(?m)^error.*`).FindAllString(said, -1) {
		t.Errorf("postern check: %s", line)
	}
	record := regexp.MustCompile(`(?s)mail\._domainkey\.example\.org\. IN TXT \([^)]*\)`).FindString(said)
	if !strings.Contains(record, "v=DKIM1") {
		t.Errorf("postern dkim sync printed no record:\n%s", said)
	}

	c := s.outside(t, stranger)
	c.send("ann@outside.test", []string{"info@example.org"}, letter("ann@outside.test", "info@example.org", "manual"))
	if m := s.world.mail(t, "someone@example.net"); !strings.HasSuffix(m.Sender, "@srs.example.com") {
		t.Errorf("sender %s", m.Sender)
	}
	loginByTheManual(t, s, record)
}

// loginByTheManual submits a mail as the user that the manual makes.
func loginByTheManual(t *testing.T, s *stack, record string) {
	t.Helper()
	if err := s.dns.publish(record + "\n"); err != nil {
		t.Fatal(err)
	}
	password, err := os.ReadFile("/root/alice.password")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := submit(t, "alice", strings.TrimSpace(string(password)), "info@example.org", "friend@dest.test"); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	m := s.world.mail(t, "friend@dest.test")
	if found := signatures(t, m); m.Sender != "info@example.org" || len(found) != 1 || found[0].Err != nil || found[0].Domain != "example.org" {
		t.Errorf("sender %s, signatures %+v", m.Sender, found)
	}
}

// bareHost ends the stack that runs, and takes away what was configured.
func bareHost(t *testing.T) *stack {
	t.Helper()
	if shared.running != nil {
		if err := shared.running.stop(); err != nil {
			t.Fatal(err)
		}
		shared.running = nil
	}
	if shared.surroundings == nil {
		surroundings, err := surround()
		if err != nil {
			t.Fatal(err)
		}
		shared.surroundings = surroundings
	}
	s := shared.surroundings
	zone := "srs.example.com. MX 10 mx.example.com.\nsrs.example.com. TXT \"v=spf1 a:mx.example.com -all\"\nmx.example.com. A 192.0.2.1\nexample.org. MX 10 mx.example.com.\n"
	if err := s.dns.publish(zone); err != nil {
		t.Fatal(err)
	}
	forget(t)
	standIn(t)
	t.Cleanup(func() {
		if _, err := run("", "systemctl", "stop", "postfix", "opendkim", "dovecot", "postern", "mariadb"); err != nil {
			t.Error(err)
		}
		forget(t)
	})
	return s
}

// forget removes what an installation leaves, Debian's packages aside.
func forget(t *testing.T) {
	t.Helper()
	if out, err := run("", "dpkg", "-P", "postern"); err != nil {
		t.Fatal(out, err)
	}
	for _, pattern := range []string{
		"/etc/postern", "/var/lib/postern", "/run/postern", "/var/spool/postfix/postern", "/etc/opendkim", "/etc/opendkim.conf", "/etc/postfix/*.cf",
		"/etc/postfix/*.before-postern*", "/etc/dovecot/*.before-postern", "/etc/postfix/tls.pem", "/var/lib/mysql", "/usr/bin/postern",
	} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			if filepath.Base(path) == "dynamicmaps.cf" {
				continue // where postfix-mysql says that it is installed
			}
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	if out, err := run("", "install", "-d", "-o", "mysql", "-g", "mysql", "/var/lib/mysql"); err != nil {
		t.Fatal(out, err)
	}
}

// standIn puts the programs in place that are stood in for.
func standIn(t *testing.T) {
	t.Helper()
	systemctl, err := os.ReadFile(filepath.Join("testdata", "manual", "systemctl"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"systemctl": string(systemctl),
		"apt-get":   "#!/bin/sh\nfor package; do\ncase $package in\n./*.deb) dpkg -i \"$package\" || exit ;;\nesac\ndone\n",
		"make": fmt.Sprintf("#!/bin/sh\ncase $1 in\ndeb) mkdir -p bin && cp %s bin/ ;;\nconfigure) eval \"exec %s --from %s ${2#CONFIGURE_ARGS=}\" ;;\nesac\n",
			packageFile, configureProgram, root),
	} {
		if err := os.WriteFile(filepath.Join("/usr/local/bin", name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// manualBlocks are the commands of a page of docs, at least as many blocks.
// They run in a folder that stands for the checkout, which cannot be written to.
func manualBlocks(t *testing.T, page string, least int) []string {
	t.Helper()
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, found := range regexp.MustCompile("(?s)\n```sh\n(.*?)\n```").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, "mkdir -p /tmp/checkout && cd /tmp/checkout\n"+found[1]+"\n")
	}
	if len(blocks) < least {
		t.Fatalf("docs/%s has %d blocks of commands", page, len(blocks))
	}
	return blocks
}
