package postsrsd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestEveryOption sets every option of PostSRSd 2.4 once, and looks at it once
// unset.
func TestEveryOption(t *testing.T) {
	tests := []struct {
		option string
		get    func(*Conf) any
		unset  any
		set    string
		want   any
	}{
		{"domains", func(c *Conf) any { return c.Domains }, []string(nil), `{ "a.example", ".b.example" }`, []string{"a.example", ".b.example"}},
		{"domains-file", func(c *Conf) any { return c.DomainsFile }, "", "/etc/domains", "/etc/domains"},
		{"domains-file-watch", func(c *Conf) any { return c.DomainsFileWatch }, false, "on", true},
		{"srs-domain", func(c *Conf) any { return c.SRSDomain }, "local.example", ".srs.example", "srs.example"},
		{"socketmap", func(c *Conf) any { return c.Socketmap }, Endpoint{"unix", "/var/spool/postfix/srs"}, "inet:localhost:10003", Endpoint{"tcp", "localhost:10003"}},
		{"keep-alive", func(c *Conf) any { return c.KeepAlive }, 30 * time.Second, "5", 5 * time.Second},
		{"connection-limit", func(c *Conf) any { return c.ConnectionLimit }, 200, "7", 7},
		{"secrets-file", func(c *Conf) any { return c.SecretsFile }, "/etc/mail/postsrsd.secret", "/run/secret", "/run/secret"},
		{"milter", func(c *Conf) any { return c.Milter }, Endpoint{}, "local:/run/milter", Endpoint{"unix", "/run/milter"}},
		{"milter-rewrite-local", func(c *Conf) any { return c.MilterRewriteLocal }, false, "true", true},
		{"milter-recipient-limit", func(c *Conf) any { return c.MilterRecipientLimit }, 1000, "0", 0},
		{"original-envelope", func(c *Conf) any { return c.OriginalEnvelope }, "embedded", "DATABASE\nenvelope-database = sqlite:x", "database"},
		{"envelope-database", func(c *Conf) any { return c.EnvelopeDatabase }, Database{}, "sqlite:senders.db\noriginal-envelope = database", Database{Kind: "sqlite", Address: "senders.db"}},
		{"separator", func(c *Conf) any { return c.Separator }, byte('='), `"-"`, byte('-')},
		{"hash-length", func(c *Conf) any { return c.HashLength }, 4, "20", 20},
		{"hash-minimum", func(c *Conf) any { return c.HashMinimum }, 4, "1", 1},
		{"always-rewrite", func(c *Conf) any { return c.AlwaysRewrite }, false, "YES", true},
		{"unprivileged-user", func(c *Conf) any { return c.UnprivilegedUser }, "nobody", "postsrsd", "postsrsd"},
		{"chroot-dir", func(c *Conf) any { return c.ChrootDir }, "/var/lib/postsrsd", `""`, ""},
		{"pid-file", func(c *Conf) any { return c.PIDFile }, "", "/run/pid", "/run/pid"},
		{"daemonize", func(c *Conf) any { return c.Daemonize }, false, "on", true},
		{"syslog", func(c *Conf) any { return c.Syslog }, false, "on", true},
		{"debug", func(c *Conf) any { return c.Debug }, false, "on", true},
		{"seccomp", func(c *Conf) any { return c.Seccomp }, true, "off", false},
	}
	if len(tests) != len(options) {
		t.Errorf("%d options are tested of %d", len(tests), len(options))
	}
	for _, test := range tests {
		t.Run(test.option, func(t *testing.T) {
			const rest = "domains = local.example\n"
			unset := mustParse(t, rest)
			if got := test.get(unset); test.option != "domains" && fmt.Sprint(got) != fmt.Sprint(test.unset) {
				t.Errorf("unset: got %v, want %v", got, test.unset)
			}
			if test.option != "domains" && (unset.Given(test.option) || unset.Where(test.option) != "/etc/mail/postsrsd.conf") {
				t.Errorf("unset: given at %s", unset.Where(test.option))
			}
			c := mustParse(t, rest+test.option+" = "+test.set+"\n")
			if got := test.get(c); fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("set: got %v, want %v", got, test.want)
			}
			if !c.Given(test.option) || c.Where(test.option) != "/etc/mail/postsrsd.conf:2" {
				t.Errorf("set: given at %s", c.Where(test.option))
			}
		})
	}
}

func mustParse(t *testing.T, text string) *Conf {
	t.Helper()
	c, err := ParseConf("/etc/mail/postsrsd.conf", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestIntegers(t *testing.T) {
	tests := []struct {
		text string
		want int // -1: refused
	}{
		{"0", 0}, {"30", 30}, {"+30", 30}, {" 30", 30}, {"\t30", 30}, {"0x1E", 30}, {"0X1e", 30}, {"036", 30}, {"0b11110", 30}, {"", 0},
		{"-0", 0}, {"-1", -1}, {"30 ", -1}, {"3 0", -1}, {"08", -1}, {"0x", -1}, {"0o36", -1}, {"1_0", -1}, {"1e3", -1}, {"30s", -1},
		{" ", -1}, {"x", -1}, {"2147483647", 1<<31 - 1}, {"2147483648", -1}, {"9223372036854775808", -1}, {"٣", -1},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			got, err := integer(test.text, 0, 1<<31-1)
			if err != nil {
				got = -1
			}
			if got != test.want {
				t.Errorf("got %d (%v), want %d", got, err, test.want)
			}
		})
	}
}

// TestValues reads one value of each spelling.
func TestValues(t *testing.T) {
	env := map[string]string{"NAME": "value", "EMPTY": "", "QUOTE": `"`}
	getenv := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	tests := []struct{ text, want string }{
		{`word`, "word"},
		{`/run/x.pid`, "/run/x.pid"},
		{`a//b`, "a//b"},
		{`a\b`, `a\b`},
		{`a$b`, "a$b"},
		{`word# comment`, "word"},
		{`word;`, "word;"},
		{`""`, ""},
		{`''`, ""},
		{`"a b"`, "a b"},
		{`"a\"b\\c\d"`, `a"b\cd`},
		{`"\a\b\e\f\n\r\t\v"`, "\a\b\x1b\f\n\r\t\v"},
		{`"\101\60\7"`, "A0\a"},
		{`"\x41\x4a\x7\xg"`, "AJ\axg"},
		{`"\377\xff"`, "\xff\xff"},
		{"\"a\\\nb\nc\"", "ab\nc"},
		{`'a"b\c\'\\'`, `a"b\c'\`},
		{"'a\\\nb\nc'", "ab\nc"},
		{`'${NAME}'`, "${NAME}"},
		{`"${NAME}"`, "value"},
		{`"a${NAME}b"`, "avalueb"},
		{`"${QUOTE}"`, `"`},
		{`"${UNSET}"`, ""},
		{`"${UNSET:-other}"`, "other"},
		{`"${EMPTY:-other}"`, ""},
		{`"${NAME:x}"`, ""},
		{`"$NAME"`, "$NAME"},
		{`"${"`, "${"},
		{`${NAME}`, "value"},
		{`${UNSET}`, ""},
		{`${UNSET:-a b}`, "a b"},
		{"\r\n\tword", "word"},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			c, err := ParseConf("f", []byte("srs-domain = a.example pid-file = "+test.text), getenv)
			if err != nil {
				t.Fatal(err)
			}
			if c.PIDFile != test.want {
				t.Errorf("got %q, want %q", c.PIDFile, test.want)
			}
		})
	}
}

func TestLinesAreCounted(t *testing.T) {
	text := "# one\n/* two\nthree */\n\"srs-domain\" = 'a.example' pid-file = \"five\nsix\\\nseven\"\n\r\n${A}\n"
	_, err := ParseConf("f", []byte(text), nil)
	complaint(t, err, `f:8: there is no option "": see the list in postsrsd.conf of PostSRSd 2.4`)
}

func TestSRSDomainIsFound(t *testing.T) {
	file := filepath.Join(t.TempDir(), "domains")
	if err := os.WriteFile(file, []byte(".file.example\nother.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, text, want string
		set              []string
	}{
		{"srs-domain before all", "domains = a.example srs-domain = srs.example", "srs.example", []string{"a.example", "srs.example"}},
		{"first of domains", "domains = { .a.example, b.example }", "a.example", []string{".a.example", "a.example", "b.example"}},
		{"domains before file", "domains-file = " + file + " domains = B.example", "B.example", []string{".file.example", "b.example", "other.example"}},
		{"first of file", "domains-file = " + file, "file.example", []string{".file.example", "file.example", "other.example"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			conf := filepath.Join(t.TempDir(), "postsrsd.conf")
			if err := os.WriteFile(conf, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := ReadConf(conf)
			if err != nil {
				t.Fatal(err)
			}
			if c.SRSDomain != test.want {
				t.Errorf("got %s, want %s", c.SRSDomain, test.want)
			}
			if got := c.Local.Names(); !slices.Equal(got, test.set) {
				t.Errorf("got %q, want %q", got, test.set)
			}
		})
	}
}

func TestParseConfOpensNothing(t *testing.T) {
	c, err := ParseConf("f", []byte("domains-file = /nonexistent"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.SRSDomain != "" || c.Local.Len() != 0 {
		t.Errorf("%q and %d domains from nowhere", c.SRSDomain, c.Local.Len())
	}
}

func TestCommandLineWins(t *testing.T) {
	text := func(s string) *string { return &s }
	c := mustParse(t, "srs-domain = a.example\npid-file = /file\nchroot-dir = /jail\nunprivileged-user = root\ndaemonize = on\n")
	c.Override(Overrides{})
	if c.PIDFile != "/file" || c.ChrootDir != "/jail" || c.UnprivilegedUser != "root" || !c.Daemonize {
		t.Errorf("nothing given, and changed: %+v", c)
	}
	c.Override(Overrides{PIDFile: text("/line"), ChrootDir: text(""), UnprivilegedUser: text("no such user"), Daemonize: true})
	if c.PIDFile != "/line" || c.ChrootDir != "" || c.UnprivilegedUser != "no such user" || !c.Daemonize {
		t.Errorf("given, and not taken: %+v", c)
	}
	complaint(t, c.CheckUser(), `command line: -u: unprivileged-user: there is no user "no such user": name one of this machine`)
	c.Override(Overrides{UnprivilegedUser: text("")})
	if err := c.CheckUser(); err != nil {
		t.Error(err)
	}
}

func TestUserOfFile(t *testing.T) {
	c := mustParse(t, "srs-domain = a.example\n\nunprivileged-user = 'no such user'\n")
	complaint(t, c.CheckUser(), `/etc/mail/postsrsd.conf:3: unprivileged-user: there is no user "no such user": name one of this machine`)
}

func TestLargeFiles(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "postsrsd.conf")
	write := func(path string, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	comment := "# " + strings.Repeat("x", 1021) + "\n" // 1 KiB

	write(conf, strings.Repeat(comment, 10<<10))
	_, err := ReadConf(conf)
	complaint(t, err, conf+": has more than 4194304 bytes: that is no configuration file")
	_, err = ReadDefaults(conf, nil, nil)
	complaint(t, err, conf+": has more than 1048576 bytes: that is no configuration file")

	domains := filepath.Join(dir, "domains")
	write(conf, "srs-domain = a.example\ndomains-file = "+domains)
	write(domains, strings.Repeat(comment, 16<<10+1))
	_, err = ReadConf(conf)
	complaint(t, err, conf+`:2: domains-file "`+domains+`": has more than 16777216 bytes: that is no configuration file`)

	var many strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&many, "customer%d.example\n", i)
	}
	write(domains, many.String())
	c, err := ReadConf(conf)
	if err != nil {
		t.Fatal(err)
	}
	if c.Local.Len() != 20_001 || !c.Local.Contains("Customer19999.example") || c.Local.Contains("customer20000.example") {
		t.Errorf("%d domains", c.Local.Len())
	}
}

func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	_, err := ReadConf(dir)
	complaint(t, err, dir+": cannot be read: is a directory")
	_, err = ReadConf(dir + "/missing")
	complaint(t, err, dir+"/missing: cannot be read: no such file or directory")
	_, err = ReadDefaults(dir+"/missing", nil, nil)
	complaint(t, err, dir+"/missing: cannot be read: no such file or directory")
}

// TestBombs are small files that would be large ones.
func TestBombs(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	getenv := func(string) (string, bool) { return big, true }
	_, err := ParseConf("f", []byte("pid-file = \""+strings.Repeat("${A}", 100)+`"`), getenv)
	complaint(t, err, "f:1: the variables of the environment have more than 4194304 bytes: that is no configuration")

	_, err = ParseDefaults("f", []byte("A=0123456789\n"+strings.Repeat("A=$A$A\n", 64)), nil, nil)
	complaint(t, err, "f:17: the variables have grown by more than 1048576 bytes: that is no configuration file")

	c := mustParse(t, "srs-domain = a.example "+strings.Repeat("+", 100_000)+` pid-file = "`+strings.Repeat("${", 1<<20)+`"`)
	if len(c.Warnings) != maxWarnings+1 || c.Warnings[maxWarnings] != "/etc/mail/postsrsd.conf: there are more warnings than these" {
		t.Errorf("%d warnings", len(c.Warnings))
	}
	d, err := ParseDefaults("f", []byte("SRS_DOMAIN=a.example A="+strings.Repeat("$B", 100_000)), nil, nil)
	if err != nil || len(d.Warnings) != maxWarnings+1 {
		t.Errorf("%d warnings, %v", len(d.Warnings), err)
	}
}

func TestWarnings(t *testing.T) {
	long := strings.Repeat("a", 511)
	tests := []struct{ text, want string }{
		{"milter = inet:9997 milter-recipient-limit = 0", "f:1: milter-recipient-limit 0 rejects every recipient"},
		{"milter-recipient-limit = 0", ""},
		{"domains = " + long, `f:1: the local domain "` + long[:200] + `"… has 511 bytes: none of more than 510 is ever found`},
		{"connection-limit = 1", ""},
		{"socketmap = '' milter = inet:9997", ""},
		{"keep-alive = 0", ""},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			c, err := ParseConf("f", []byte("srs-domain = a.example "+test.text), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(c.Warnings, "\n"); got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestCausesAreKept(t *testing.T) {
	_, err := ReadConf(filepath.Join(t.TempDir(), "missing"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	down := errors.New("down")
	if _, err := ParseDefaults("f", nil, nil, postfixSays("", down)); !errors.Is(err, down) {
		t.Errorf("%v", err)
	}
}

// TestEndInTheMiddle cuts a file at every byte: an error, or fewer options.
func TestEndInTheMiddle(t *testing.T) {
	conf, err := os.ReadFile("testdata/conf/good/grammar.conf")
	if err != nil {
		t.Fatal(err)
	}
	for n := range conf {
		if _, err := ParseConf("f", conf[:n], nil); err != nil {
			inFile(t, err, conf[:n])
		}
	}
	defaults, err := os.ReadFile("testdata/defaults/good/grammar.defaults")
	if err != nil {
		t.Fatal(err)
	}
	for n := range defaults {
		if _, err := ParseDefaults("f", defaults[:n], nil, postfixSays("asked.example", nil)); err != nil {
			inFile(t, err, defaults[:n])
		}
	}
}
