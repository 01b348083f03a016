package mysqltable

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write makes a file below a scratch folder and returns its path.
func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOptionFile(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		name, text string
		want       clientOptions
	}{
		{"client group", "[client]\nuser=u\nhost = h\nport= 33\nsocket =/s\n", clientOptions{user: "u", host: "h", port: 33, socket: "/s"}},
		{"other groups do not count", "[mysqld]\nuser=x\n[client]\nuser=u\n[mysql]\nuser=y\n", clientOptions{user: "u"}},
		{"all groups of the library", "[client-server]\nsocket=/s\n[client-mariadb]\nuser=u\n[mail]\nport=1\n", clientOptions{socket: "/s", user: "u", port: 1}},
		{"the last one wins", "[client]\nuser=a\n[client-server]\nuser=b\n", clientOptions{user: "b"}},
		{"quotes and escapes", "[client]\nuser='a b'\nhost=\"x\\ty\"\nsocket=\\s/a\\qb\\\\\n", clientOptions{user: "a b", host: "x\ty", socket: " /a\\qb\\"}},
		{"comments", "# c\n; d\n[client]\n#user=x\n ;user=y\n\nuser=u#v\n", clientOptions{user: "u#v"}},
		{"dash or underscore", "[client]\nunix_socket=/s\ndefault_character_set=latin1\n", clientOptions{socket: "/s", charset: true}},
		{"password is seen only", "[client]\npassword=geheim\n", clientOptions{password: true}},
		{"TLS", "[client]\nssl-ca=/ca\nssl_cert=/c\ntls-key=/k\nssl-capath=/d\nssl-cipher=A:B\nssl-verify-server-cert=1\n",
			clientOptions{tlsCA: "/ca", tlsCert: "/c", tlsKey: "/k", tlsCAPath: "/d", tlsCipher: "A:B", tlsVerify: &yes}},
		{"switches", "[client]\nssl-verify-server-cert\nssl-enforce=0\n", clientOptions{tlsVerify: &yes, tlsEnforce: &no}},
		{"protocol", "[client]\nprotocol=1\n", clientOptions{tcp: true}},
		{"without effect", "[client]\ncompress\nlocal-infile=1\nno-such-option=2\nconnect-timeout=3\n", clientOptions{}},
		{"group with blanks", "[client  ]\nuser=u\n", clientOptions{user: "u"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newOptionReader("mail")
			r.read(write(t, t.TempDir(), "my.cnf", c.text), 0)
			if len(r.problems) > 0 || len(r.warnings) > 0 {
				t.Fatal(r.problems, r.warnings)
			}
			if got, want := describe(r.options), describe(c.want); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func describe(o clientOptions) string {
	show := func(b *bool) string {
		if b == nil {
			return "-"
		}
		return fmt.Sprint(*b)
	}
	switches := show(o.tlsEnforce) + show(o.tlsVerify)
	o.tlsEnforce, o.tlsVerify = nil, nil
	return fmt.Sprintf("%+v %s", o, switches)
}

func TestOptionFileIncludes(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "my.cnf", fmt.Sprintf("!include %s/one.cnf\n!includedir %s/d\n!include %s/missing.cnf\n[client]\nport=1\n", dir, dir, dir))
	write(t, dir, "one.cnf", "[client]\nuser=one\nport=9\n")
	write(t, dir, "d/my.cnf", "[client]\nhost=d\n")
	write(t, dir, "d/other.cnf", "[client]\nhost=other\n")
	r := newOptionReader("client")
	r.read(path, 0)
	want := clientOptions{user: "one", host: "d", port: 1}
	if len(r.problems) > 0 || describe(r.options) != describe(want) {
		t.Errorf("got %s, %v", describe(r.options), r.problems)
	}
}

func TestOptionFileBad(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ name, text, problem, warning string }{
		{"init-command", "[client]\ninit_command=SET NAMES x\n", ":2: init-command cannot be honoured", ""},
		{"in another group", "[mysql]\ninit-command=x\n", "", ""},
		{"protocol", "[client]\nprotocol=3\n", ":2: protocol: only 1 (TCP) and 2 (unix socket) exist here", ""},
		{"circle", "!include " + dir + "/circle.cnf\n", "!include goes round in a circle", ""},
		{"no group", "user=x\n[client]\nuser=y\n", "", ":1: option before any [group]"},
		{"open group", "[client\nuser=y\n", "", ":1: group without ']'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newOptionReader("client")
			r.read(write(t, dir, c.name+".cnf", c.text), 0)
			if got := fmt.Sprint(r.problems); c.problem == "" && len(r.problems) > 0 || !strings.Contains(got, c.problem) {
				t.Errorf("problems %s, want %q", got, c.problem)
			}
			if got := fmt.Sprint(r.warnings); c.warning == "" && len(r.warnings) > 0 || !strings.Contains(got, c.warning) {
				t.Errorf("warnings %s, want %q", got, c.warning)
			}
			if c.problem == "" && r.options.user != "" {
				t.Errorf("user %q was read", r.options.user)
			}
		})
	}
}

func FuzzOptionFile(f *testing.F) {
	f.Add("[client]\nuser='u'\nssl-ca=/x\n!x\n")
	f.Add("[client\n[]\nport=\\\n=x")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "!include") {
			return
		}
		r := newOptionReader("client")
		r.parse("my.cnf", text, 0)
	})
}
