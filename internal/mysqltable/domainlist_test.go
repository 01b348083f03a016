package mysqltable

import (
	"os"
	"strings"
	"testing"
)

func TestDomainList(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "domains", "# comment\nfile.example, Second.example\n  third.example # rest is dropped\n#x\n")
	negative := write(t, dir, "nested", "/"+strings.TrimPrefix(file, "/")+"\n!other.example\n")
	for _, c := range []struct{ list, domain, want string }{
		{"a.example", "a.example", "yes"},
		{"A.Example", "a.eXAMPLE", "yes"},
		{"a.example", "x.a.example", "no"},
		{".a.example", "x.a.example", "no"},
		{".a.example", ".a.example", "yes"},
		{"a.example, b.example\tc.example", "c.example", "yes"},
		{"!a.example a.example", "a.example", "no"},
		{"!!a.example", "a.example", "yes"},
		{"!b.example", "a.example", "no"},
		{",", "a.example", "no"},
		{"a.example # b.example", "b.example", "no"},
		{"straße.example", "STRASSE.example", "yes"},
		{"[a:b]", "[a:b]", "yes"},
		{"{a b}", "{a b}", "yes"},
		{file, "second.example", "yes"},
		{file, "third.example", "yes"},
		{file, "rest", "no"},
		{"!" + file + " file.example", "file.example", "no"},
		{negative, "file.example", "yes"},
		{"!" + negative, "other.example", "yes"},
		{"!" + negative, "file.example", "no"},
	} {
		t.Run(c.list+" "+c.domain, func(t *testing.T) {
			l, err := parseDomainList(c.list)
			if err != nil {
				t.Fatal(err)
			}
			if got := l.matches(c.domain); got != (c.want == "yes") {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}

func TestDomainListBad(t *testing.T) {
	dir := t.TempDir()
	circle := dir + "/circle"
	if err := os.WriteFile(circle, []byte(circle), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ list, want string }{
		{"a hash:/etc/x", `domain: the table "hash:/etc/x" can only be read by Postfix: list the domains, or name a /file that lists them`},
		{"!mysql:/x.cf", `domain: the table "mysql:/x.cf" can only be read by Postfix`},
		{"!", `domain: no name behind "!": write !example.com`},
		{"/no/such/file", "domain: open /no/such/file: no such file or directory"},
		{circle, "files name each other in a circle: end it"},
		{dir, "is a directory"},
	} {
		t.Run(c.list, func(t *testing.T) {
			if _, err := parseDomainList(c.list); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}
