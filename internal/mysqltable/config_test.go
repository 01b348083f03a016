package mysqltable

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/store"
)

// parseText parses a .cf file with that text, without the host's option files.
func parseText(t testing.TB, text string) (*Config, []Warning, error) {
	t.Helper()
	return parseWith(write(t, t.TempDir(), "t.cf", text), nil)
}

const minimal = "dbname = d\nquery = SELECT v FROM t WHERE k='%s'\n"

func TestParseDefaults(t *testing.T) {
	c, warnings, err := parseText(t, minimal+"user = u\n")
	if err != nil || len(warnings) > 0 {
		t.Fatal(warnings, err)
	}
	defaults := store.Options{Driver: "sqlite", Path: "/x", MaxConnections: 7, ConnectTimeout: 1, StatementTimeout: 2, RetryInterval: 3}
	o := c.StoreOptions(defaults)
	want := store.Options{
		Driver: "mysql", Hosts: []string{"unix:/run/mysqld/mysqld.sock"}, Name: "d", User: "u", Charset: "utf8mb4",
		MaxConnections: 7, ConnectTimeout: 1, StatementTimeout: 2, RetryInterval: 3,
	}
	if !slices.Equal(o.Hosts, want.Hosts) {
		t.Errorf("hosts %q", o.Hosts)
	}
	o.Hosts, want.Hosts = nil, nil
	if !sameOptions(o, want) {
		t.Errorf("got  %+v\nwant %+v", o, want)
	}
	if !c.requireResultSet || c.filtered || c.expansionLimit != 0 || c.format.text() != "%s" {
		t.Errorf("%+v", c)
	}
}

func sameOptions(a, b store.Options) bool {
	return a.Driver == b.Driver && a.Name == b.Name && a.User == b.User && a.Password == b.Password && a.Path == b.Path &&
		a.Charset == b.Charset && a.MaxConnections == b.MaxConnections && a.ConnectTimeout == b.ConnectTimeout &&
		a.StatementTimeout == b.StatementTimeout && a.RetryInterval == b.RetryInterval &&
		a.TLS.Enabled == b.TLS.Enabled && a.TLS.CAFile == b.TLS.CAFile
}

func TestParseEverything(t *testing.T) {
	options := write(t, t.TempDir(), "my.cnf", "[mail]\nssl-ca = /other-ca\nhost=other\nport=3399\nuser=never\n")
	c, warnings, err := parseText(t, `
hosts = 127.0.0.1, unix:/s
user = u
password = p$w#x "y"
dbname = d
charset = latin1
retry_interval = 5
idle_interval = 7
query = SELECT v FROM t
   WHERE k='%s'
result_format = <%s>
domain = a.example, !b.example
expansion_limit = 9
option_file = `+options+`
option_group = mail
require_result_set = No
tls_key_file = /key
tls_cert_file = /cert
tls_CAfile = /ca
tls_CApath = /cadir
tls_ciphers = A:B C,D
tls_verify_cert = YES
`)
	if err != nil || len(warnings) > 0 {
		t.Fatal(warnings, err)
	}
	o := c.StoreOptions(store.Options{RetryInterval: time.Minute})
	if !slices.Equal(o.Hosts, []string{"other:3399", "127.0.0.1:3399"}) {
		t.Errorf("hosts %q", o.Hosts)
	}
	if o.User != "u" || o.Password != `p$w#x "y"` || o.Name != "d" || o.Charset != "latin1" || o.RetryInterval != 5*time.Second {
		t.Errorf("%+v", o)
	}
	tls := o.TLS
	if !tls.Enabled || tls.CAFile != "/other-ca" || tls.CADir != "/cadir" || tls.Cert != "/cert" || tls.Key != "/key" ||
		!slices.Equal(tls.Ciphers, []string{"A", "B", "C", "D"}) || tls.Verify == nil || !*tls.Verify {
		t.Errorf("TLS %+v", tls)
	}
	if c.requireResultSet || c.expansionLimit != 9 || !c.filtered || len(c.domains) != 2 || c.format.text() != "<%s>" {
		t.Errorf("%+v", c)
	}
	if got, want := c.query.usual.prepared(), "SELECT v FROM t   WHERE k= ? "; got != want {
		t.Errorf("query %q, want %q", got, want)
	}
}

func TestParseLegacy(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"table = t\nselect_field = v\nwhere_field = k\n", "SELECT v FROM t WHERE k= ?  "},
		{"table = t\nselect_field = v\nwhere_field = k\nadditional_conditions = AND a = 1\n", "SELECT v FROM t WHERE k= ?  AND a = 1"},
		{"table = t\nselect_field = v\nwhere_field = k\nadditional_conditions = AND d = '%d'\n", "SELECT v FROM t WHERE k= ?  AND d =  ? "},
		{"table = t\nselect_field = v\nwhere_field = k\nquery = SELECT '%s'\n", "SELECT  ? "},
		{"table = t\nselect_field = v\nwhere_field = k\nquery =\n", "SELECT v FROM t WHERE k= ?  "},
	} {
		cf, _, err := parseText(t, "dbname = d\n"+c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := cf.query.usual.prepared(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestParseOptionFilePrecedence(t *testing.T) {
	dir := t.TempDir()
	system := write(t, dir, "system.cnf", "[client]\nuser=system\nsocket=/system\n")
	own := write(t, dir, "own.cnf", "[client]\nuser=own\npassword=x\ndefault-character-set=latin1\n")
	for _, c := range []struct{ name, text, user, host string }{
		{"default files", "", "system", "unix:/system"},
		{"option_file replaces them", "option_file = " + own, "own", "unix:" + defaultSocket},
		{"the file wins", "user = u\nhosts = unix:/s", "u", "unix:/s"},
		{"no group, no files", "option_group =\nuser = u", "u", "unix:" + defaultSocket},
		{"no group, but a file", "option_group =\noption_file = " + own, "own", "unix:" + defaultSocket},
	} {
		t.Run(c.name, func(t *testing.T) {
			cf, _, err := parseWith(write(t, t.TempDir(), "t.cf", minimal+c.text+"\n"), []string{system})
			if err != nil {
				t.Fatal(err)
			}
			o := cf.StoreOptions(store.Options{})
			if o.User != c.user || o.Hosts[0] != c.host || o.Password != "" || o.Charset != "utf8mb4" {
				t.Errorf("got %+v", o)
			}
		})
	}
}

// TestBadFiles: testdata/bad/NAME.cf must be refused with the lines of
// NAME.err, and warned about with those of NAME.warn.
func TestBadFiles(t *testing.T) {
	t.Chdir("testdata/bad")
	files, err := filepath.Glob("*.cf")
	if err != nil || len(files) < 15 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		t.Run(f, func(t *testing.T) {
			_, warnings, err := parseWith(f, nil)
			var got []string
			for _, w := range warnings {
				got = append(got, w.String())
			}
			compareLines(t, strings.TrimSuffix(f, ".cf")+".warn", got)
			got = nil
			if err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			compareLines(t, strings.TrimSuffix(f, ".cf")+".err", got)
		})
	}
}

func compareLines(t *testing.T, file string, got []string) {
	t.Helper()
	var want []string
	if f, err := os.Open(file); err == nil {
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			want = append(want, s.Text())
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s:\ngot\n%s\nwant\n%s", file, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestParseMissingFile(t *testing.T) {
	_, _, err := Parse("/no/such.cf")
	if err == nil || err.Error() != "mysql table: open /no/such.cf: no such file or directory" {
		t.Error(err)
	}
}

func TestIdentity(t *testing.T) {
	base, _, err := parseText(t, minimal+"password = a\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text string
		same bool
	}{
		{minimal + "password = b\n", true},
		{"# comment\n" + minimal + "retry_interval = 9\n", true},
		{minimal + "user = other\n", false},
		{minimal + "hosts = unix:/s\n", false},
		{minimal + "charset = latin1\n", false},
		{minimal + "result_format = %s,\n", false},
		{minimal + "domain = ,\n", false},
		{minimal + "domain = a\n", false},
		{minimal + "expansion_limit = 1\n", false},
		{minimal + "require_result_set = no\n", false},
		{minimal + "query = SELECT v FROM t WHERE k='%u'\n", false},
		{minimal + "dbname = e\n", false},
	} {
		other, _, err := parseText(t, c.text)
		if err != nil {
			t.Fatal(err)
		}
		if (other.Identity() == base.Identity()) != c.same {
			t.Errorf("same = %v expected for %q", c.same, c.text)
		}
	}
}
