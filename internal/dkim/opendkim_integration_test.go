//go:build integration

package dkim_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/emersion/go-milter"
)

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

// TestInstalledTables: an installer may leave the tables to root alone, and
// OpenDKIM reads them without privileges when it is reloaded.
func TestInstalledTables(t *testing.T) {
	dir := folder(t)
	owner := opendkimUser(t)
	synced(t, dir, "example.org")
	for _, name := range []string{"KeyTable", "SigningTable"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.Chown(path, 0, 0), os.Chmod(path, 0o600)); err != nil {
			t.Fatal(err)
		}
		if r := synced(t, dir, "example.org"); len(r.Changed) != 0 {
			t.Errorf("%+v", r)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o640 || int(info.Sys().(*syscall.Stat_t).Gid) != owner.GID {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

// TestReload: tables that were written while OpenDKIM runs are read on SIGUSR1,
// as its user.
func TestReload(t *testing.T) {
	dir := folder(t)
	synced(t, dir, "example.org")
	f := start(t, dir, asShipped)
	m := aMail()
	m.sender = "a@example.net"
	if got := f.pass(t, m).signedFor(); got != "" {
		t.Fatalf("signed for %q", got)
	}
	r := synced(t, dir, "example.org", "example.net")
	if err := syscall.Kill(f.pid, syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	for range 50 { // it reloads when a mail comes
		if v := f.pass(t, m); v.signedFor() == "example.net" {
			if err := verify(t, m.text(v.added), r.Domains); err != nil {
				t.Error(err)
			}
			return
		}
	}
	t.Errorf("not signed after the reload: %q", f.logged())
}
