package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"postern/internal/config"
	"postern/internal/postconf"
)

// TestUnread tells what could not be looked at, one line each, and looks at the rest.
func TestUnread(t *testing.T) {
	denied := &fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}
	for _, test := range []struct {
		name, kind string
		change     func(*Host)
	}{
		{"postern.yaml", "unreadable", func(h *Host) { h.Config, h.ConfigErr = nil, denied }},
		{"postern.yaml is no YAML", "configuration", func(h *Host) { h.Config, h.ConfigErr = nil, errors.New("is a directory") }},
		{"main.cf", "unreadable", func(h *Host) { h.Postfix, h.PostfixErr = nil, denied }},
		{"main.cf named and not there", "postfix-unread", func(h *Host) { h.Postfix, h.PostfixErr = nil, fs.ErrNotExist }},
		{"no Postfix here", "unreadable", func(h *Host) { h.Postfix, h.PostfixErr, h.PostfixAbsent = nil, fs.ErrNotExist, true }},
		{"no postconf", "version-unknown", func(h *Host) { h.Version = "" }},
		{"opendkim.conf", "opendkim-unread", func(h *Host) { h.OpenDKIM, h.OpenDKIMErr = nil, denied }},
		{"secrets", "secret-unseen", func(h *Host) { h.Files = paper{files: map[string]string{"/etc/postern/srs.secret": "denied"}} }},
		{"no database block", "database-missing", func(h *Host) { h.Database = nil }},
		{"all of it", "unreadable", func(h *Host) {
			*h = Host{ConfigFile: h.ConfigFile, ConfigErr: denied, PostfixDir: h.PostfixDir, PostfixErr: denied, Files: h.Files, Now: h.Now}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := host(t, shipped(t), "3.7", paper{})
			h.Database = database(t, goodRows)
			test.change(h)
			found := examine(t, h)
			if !hasKind(found, test.kind) {
				t.Errorf("no finding %s: %v", test.kind, found)
			}
			for _, f := range found {
				if strings.ContainsAny(f.String(), "\n\r") || f.Fix == "" || f.At == "" {
					t.Errorf("no line with place and fix: %q", f)
				}
			}
		})
	}
}

// TestOneKey is an OpenDKIM for one domain, without tables.
func TestOneKey(t *testing.T) {
	x := shipped(t)
	x.opendkim = changeOpenDKIM(x.opendkim, "!KeyTable\n!SigningTable\nDomain example.org\nSelector mail\nKeyFile /etc/opendkim/mail.private\n")
	h := host(t, x, "3.7", paper{})
	h.Database = database(t, goodRows)
	if found := examine(t, h); len(found) > 0 {
		t.Errorf("%v", found)
	}
}

// TestPassedOver is about text that Postfix passes over.
func TestPassedOver(t *testing.T) {
	x := shipped(t)
	x.main = "  smtpd_delay_reject = no\n" + x.main
	if found := examine(t, host(t, x, "3.7", paper{})); !hasKind(found, "parameter-unread") || hasKind(found, "smtpd_delay_reject") {
		t.Errorf("%v", found)
	}
}

// TestGather reads a folder without rights for a database or DNS: every trouble
// is a finding.
func TestGather(t *testing.T) {
	dir := t.TempDir()
	x := shipped(t)
	write(t, dir, "main.cf", x.main)
	write(t, dir, "master.cf", x.master)
	write(t, dir, "postern.yaml", "database: {driver: sqlite, path: "+filepath.Join(dir, "none.db")+"}\npostfix: {config_directory: "+dir+"}\n")
	h, done := Gather(context.Background(), Options{ConfigFile: filepath.Join(dir, "postern.yaml"), OpenDKIM: filepath.Join(dir, "opendkim.conf")})
	defer done()
	h.Asker = nil
	if h.PostfixDir != dir || h.Postfix == nil {
		t.Fatalf("folder %s: %v", h.PostfixDir, h.PostfixErr)
	}
	found := examine(t, h)
	for _, kind := range []string{"database-missing", "opendkim-unread"} {
		if !hasKind(found, kind) {
			t.Errorf("no finding %s: %v", kind, found)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "none.db")); err == nil {
		t.Error("a database was made")
	}
}

// Where the release is not known, what depends on it and is not set is named.
func TestChangedLater(t *testing.T) {
	x := shipped(t)
	x.main = "milter_default_action = tempfail\n"
	h := host(t, x, "3.7", paper{})
	if got, want := h.changedLater(), " (3.10 has smtpd_forbid_bare_newline = normalize, smtpd_forbid_unauth_pipelining = yes)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A pipe that nobody writes to holds nothing up.
func TestReadPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := (Disk{}).Read(path); err != nil || len(text) != 0 {
		t.Errorf("%q, %v", text, err)
	}
}

// TestStrangeConfigurations are no reason to panic.
func TestStrangeConfigurations(t *testing.T) {
	strange := []string{"", "smtpd_recipient_restrictions = check_policy_service", "smtpd_recipient_restrictions = check_sender_access",
		"smtpd_relay_restrictions = warn_if_reject", "smtpd_milters = { }, {,}, unix:, :", "virtual_alias_maps = socketmap:, socketmap:x, inline:{, pipemap:{",
		"smtpd_restriction_classes = a\na = b\nb = a\nsmtpd_client_restrictions = a", "mynetworks = / ! []", "mydestination = /etc/x, !y",
		"cleanup_service_name =", "smtpd_sasl_path =", "milter_default_action =", "queue_directory =", "body_checks = regexp:, regexp:{ {/x/ OK} }"}
	masters := []string{"", "smtp inet n - y - - smtpd", "587 inet n - y - - smtpd\n  -o smtpd_sasl_auth_enable=yes -o smtpd_sasl_type=dovecot", "x unix - - y - - /usr/lib/postfix/smtpd"}
	x := shipped(t)
	for _, main := range strange {
		for _, master := range masters {
			y := x
			y.main, y.master = main+"\n", master+"\n"
			h := host(t, y, "3.10", paper{})
			h.Database = database0{}
			for _, h.Config = range []*config.Config{h.Config, config.Defaults(), nil} {
				examine(t, h)
			}
		}
	}
}

// database0 is a database in which everything fails.
type database0 struct{}

func (database0) Select(context.Context, string, ...any) ([][]string, error) {
	return nil, errors.New("connection lost")
}

func (database0) Each(context.Context, string, func(key, value string)) error {
	return errors.New("connection lost")
}

// FuzzMainCF looks for a panic.
func FuzzMainCF(f *testing.F) {
	f.Add("smtpd_recipient_restrictions = check_policy_service { unix:x, a=b }", "587 inet n - y - - smtpd -o a=b")
	f.Add("virtual_alias_maps = socketmap:unix:postern/socketmap:virtual", "smtp inet n - y - - smtpd")
	f.Fuzz(func(t *testing.T, main, master string) {
		dir := t.TempDir()
		write(t, dir, "main.cf", main)
		write(t, dir, "master.cf", master)
		c, err := postconf.Open(dir, postconf.Builtin())
		if err != nil {
			return
		}
		p := paper{}
		for _, found := range examine(t, &Host{PostfixDir: dir, Postfix: c, Files: p, Asker: p, Resolver: p, ConfigFile: "postern.yaml"}) {
			if found.Fix == "" || strings.Contains(found.String(), "\n") {
				t.Errorf("%q", found)
			}
		}
	})
}
