package site_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/site"
)

func values() site.Values {
	return site.Values{
		Hostname:         "mail.forward.test",
		Operator:         "hand@elsewhere.test",
		SRSDomain:        "bounce.forward.test",
		TLSChain:         "/etc/ssl/private/mail.pem, /etc/ssl/certs/mail.pem",
		DatabasePassword: "pa55-word_~",
	}
}

// shipped is the configuration of this very checkout.
func shipped() fs.FS { return os.DirFS("../..") }

func TestFilesOfBothReleases(t *testing.T) {
	for _, debian := range []int{12, 13} {
		files, err := site.Files(shipped(), values(), debian)
		if err != nil {
			t.Fatal(err)
		}
		byPath := map[string]site.File{}
		for _, f := range files {
			byPath[f.Path] = f
			for _, example := range []string{"mx.example.org", "srs.example.org", "ops@example.net", "DATABASE-PASSWORD", "/etc/postfix/tls.pem"} {
				if strings.Contains(f.Text, example) {
					t.Errorf("Debian %d: %s still has the example value %s", debian, f.Path, example)
				}
			}
			if strings.Contains(f.Text, "pa55-word_~") != f.Secret {
				t.Errorf("Debian %d: %s: secret is %v", debian, f.Path, f.Secret)
			}
		}
		for path, line := range map[string]string{
			"etc/postfix/main.cf":                  "smtpd_tls_chain_files = /etc/ssl/private/mail.pem, /etc/ssl/certs/mail.pem\n",
			"etc/postfix/mysql-virtual-aliases.cf": "password = pa55-word_~\n",
			"etc/postern/postern.yaml":             "  domain: bounce.forward.test ",
			"etc/postern/database.password":        "pa55-word_~\n",
			"etc/postfix/master.cf":                "subcleanup unix",
			"etc/opendkim.conf":                    "8891",
			"etc/dovecot/dovecot.conf":             "12345",
		} {
			if !strings.Contains(byPath[path].Text, line) {
				t.Errorf("Debian %d: %s has no %q", debian, path, line)
			}
		}
	}
}

func TestValuesThatWouldNotWork(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*site.Values)
		fault  string
	}{
		"short host name":     {func(v *site.Values) { v.Hostname = "mx" }, `host name "mx": must be a full name`},
		"upper case":          {func(v *site.Values) { v.Hostname = "MX.example.org" }, "in lower case"},
		"no SRS domain":       {func(v *site.Values) { v.SRSDomain = "" }, `SRS domain "": must be a domain`},
		"one name for both":   {func(v *site.Values) { v.SRSDomain = v.Hostname }, "must not be the host name"},
		"operator a name":     {func(v *site.Values) { v.Operator = "root" }, `operator "root": must be one address`},
		"operator two":        {func(v *site.Values) { v.Operator = "a@b.test, c@d.test" }, "must be one address"},
		"operator with $":     {func(v *site.Values) { v.Operator = "a$myhostname@b.test" }, "must be one address"},
		"operator for YAML":   {func(v *site.Values) { v.Operator = "*a@b.test" }, "must be one address"},
		"operator by a dot":   {func(v *site.Values) { v.Operator = "a..b@b.test" }, "must be one address"},
		"operator nowhere":    {func(v *site.Values) { v.Operator = "a@localhost" }, "must be one address"},
		"operator here":       {func(v *site.Values) { v.Operator = "ops@" + strings.ToUpper(v.Hostname) }, "must not be on this host"},
		"operator at home":    {func(v *site.Values) { v.Operator = "ops@" + v.Hostname }, "must not be on this host"},
		"relative chain":      {func(v *site.Values) { v.TLSChain = "tls.pem" }, "must be the whole path"},
		"a line in the chain": {func(v *site.Values) { v.TLSChain = "/a\nmynetworks = 0.0.0.0/0" }, "must be the whole path"},
		"quotes in password":  {func(v *site.Values) { v.DatabasePassword = `a"b` }, "need no quotes"},
	} {
		t.Run(name, func(t *testing.T) {
			v := values()
			test.change(&v)
			_, err := site.Files(shipped(), v, 13)
			if err == nil || !strings.Contains(err.Error(), test.fault) {
				t.Errorf("got %v, want %q", err, test.fault)
			}
			if strings.Contains(test.fault, "quotes") && strings.Contains(err.Error(), `a"b`) {
				t.Error("the error shows the password")
			}
		})
	}
	if _, err := site.Files(shipped(), values(), 11); err == nil {
		t.Error("Debian 11 is taken")
	}
}

func TestWriteLeavesWhatDiffers(t *testing.T) {
	root := t.TempDir()
	files := []site.File{{Path: "etc/a.cf", Text: "ours\n"}, {Path: "etc/b.password", Text: "secret\n", Secret: true}}
	old := filepath.Join(root, "etc/a.cf")
	os.MkdirAll(filepath.Dir(old), 0o755)
	os.WriteFile(old, []byte("theirs\n"), 0o644)

	if _, err := site.Write(root, files, false); err == nil || !strings.Contains(err.Error(), "a.cf is there and differs") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(root, "etc/b.password")); err == nil {
		t.Error("a file was written beside one that could not be")
	}
	for range 2 { // the second time nothing is left to do, and the kept file stays the first one
		if _, err := site.Write(root, files, true); err != nil {
			t.Fatal(err)
		}
	}
	if written, err := site.Write(root, files, false); err != nil || len(written) > 0 {
		t.Errorf("wrote %v again, %v", written, err)
	}
	if kept, _ := os.ReadFile(old + ".before-postern"); string(kept) != "theirs\n" {
		t.Errorf("kept %q", kept)
	}
	if now, _ := os.ReadFile(old); string(now) != "ours\n" {
		t.Errorf("wrote %q", now)
	}
	if info, err := os.Stat(filepath.Join(root, "etc/b.password")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("password file: %v, %v", info, err)
	}
}
