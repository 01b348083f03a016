package postconf

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// open reads a main.cf and a master.cf from texts.
func open(t *testing.T, main, master string) *Config {
	t.Helper()
	c, err := Open(files(t, main, master), Builtin())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func files(t *testing.T, main, master string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"main.cf": main, "master.cf": master} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const smtpd = "smtp inet n - y - - smtpd\n"

func TestValues(t *testing.T) {
	for _, test := range []struct{ name, main, want string }{
		{"plain", "x = value", "value"},
		{"no blanks", "x=value", "value"},
		{"last wins", "x = one\nx = two", "two"},
		{"empty", "x =", ""},
		{"continued", "x = one\n  two\n\tthree", "one  two\tthree"},
		{"comment between", "x = one\n# no\n   # neither\n\n two", "one two"},
		{"no newline at the end", "x = value\n two", "value two"},
		{"names", "y = Y\nx = $y ${y} $(y)", "Y Y Y"},
		{"names of names", "z = Z\ny = $z\nx = <$y>", "<Z>"},
		{"name ends where it ends", "postern = socketmap:unix:p\nx = $postern:virtual", "socketmap:unix:p:virtual"},
		{"dollar", "x = $$y", "$y"},
		{"unknown name", "x = a${nothing}b", "ab"},
		{"if set", "y = Y\nx = ${y?yes}${y:no}", "yes"},
		{"if not set", "x = ${y?yes}${y:no}", "no"},
		{"both", "x = ${y?{yes}:{no}}", "no"},
		{"comparison", "x = ${{$mail_owner} == {postfix} ? {same} : {other}}", "same"},
		{"levels", "compatibility_level = 3.6\nx = ${{$compatibility_level} >=level {3.10} ? {new} : {old}}", "old"},
		{"default", "x = $queue_directory", "/var/spool/postfix"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := open(t, test.main, smtpd).View(nil).Get("x")
			if s.Value != test.want || s.Err != nil {
				t.Errorf("x is %q (%v), want %q", s.Value, s.Err, test.want)
			}
		})
	}
}

// Errors end a daemon of Postfix: the value says why.
func TestBadValues(t *testing.T) {
	for _, test := range []struct{ name, main, want string }{
		{"itself", "x = $x", "more than 100 deep"},
		{"in a circle", "x = $y\ny = ${x}", "more than 100 deep"},
		{"no name", "x = a $ b", "without a name"},
		{"open", "x = ${y", "not closed"},
		{"empty", "x = ${}", "without a name"},
		{"odd name", "x = ${a-b}", "no name before"},
		{"half a comparison", "x = ${{a} == }", "no {text} after"},
		{"odd comparison", "x = ${{a} =! {b}}", "right would be =="},
		{"text after", "x = ${y?{a}b}", "no : at"},
		{"bad level", "x = ${{a} <level {b}}", "compatibility level"},
		{"too much", "a = $b$b$b$b$b$b$b$b$b$b\nb = $c$c$c$c$c$c$c$c$c$c\nc = $d$d$d$d$d$d$d$d$d$d\nd = $e$e$e$e$e$e$e$e$e$e\ne = $f$f$f$f$f$f$f$f$f$f\nf = 0123456789\nx = $a$a$a$a", "grows beyond"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := open(t, test.main, smtpd).View(nil).Get("x")
			if s.Err == nil || !strings.Contains(s.Err.Error(), test.want) || !strings.Contains(s.Err.Error(), "main.cf:") {
				t.Errorf("x is %.60q, %v, want an error with file, line and %q", s.Value, s.Err, test.want)
			}
		})
	}
}

// What a daemon of Postfix does not start with is an error with its line.
func TestRefused(t *testing.T) {
	for _, test := range []struct{ name, main, master, want string }{
		{"no =", "x = 1\n\nsmtpd_banner", smtpd, "main.cf:3: \"smtpd_banner\" has no ="},
		{"no name", "= 1", smtpd, "main.cf:1: a name is missing"},
		{"seven fields", "x = 1", "smtp inet n - y - -\n", "master.cf:1: 7 fields"},
		{"type", "x = 1", "# one\nsmtp tcp n - y - - smtpd\n", "master.cf:2: type \"tcp\""},
		{"chroot", "x = 1", "smtp inet n - yes - - smtpd\n", "chroot \"yes\""},
		{"wakeup", "x = 1", "smtp inet n - y soon - smtpd\n", "wakeup \"soon\""},
		{"maxproc", "x = 1", "smtp inet n - y - many smtpd\n", "maxproc \"many\""},
		{"-o", "x = 1", smtpd + "  -o banner\n", "master.cf:2: -o: \"banner\" has no ="},
		{"braces", "x = 1", smtpd + "  -o {a=b}c\n", "text after }"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Open(files(t, test.main, test.master), Builtin())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none"), Builtin()); err == nil {
		t.Error("a directory that does not exist is read")
	}
}

func TestPlaces(t *testing.T) {
	c := open(t, `first = 1
tables =
  hash:/one
  # comment
  $more
more = hash:/two
  hash:/three
tables2 = $tables
`, smtpd)
	var got []string
	for _, word := range c.View(nil).List("tables2") {
		got = append(got, word.Text+" "+strings.TrimPrefix(word.Place.String(), c.Dir+"/"))
	}
	want := []string{"hash:/one main.cf:3", "hash:/two main.cf:6", "hash:/three main.cf:7"}
	if !slices.Equal(got, want) {
		t.Errorf("places: %q, want %q", got, want)
	}
}

func TestWarnings(t *testing.T) {
	c := open(t, "  starts with blanks\nx = 1\nx = 2\ny = 1\ny = 1\n", smtpd+smtpd)
	var got []string
	for _, fault := range c.Warnings {
		got = append(got, strings.TrimPrefix(fault.Error(), c.Dir+"/"))
	}
	want := []string{
		`main.cf:1: "  starts with blanks" starts with white space but continues nothing: Postfix passes over it`,
		"main.cf:3: x: overrides the entry of line 2",
		"master.cf:2: smtp/inet: the service stands in line 1 already",
	}
	if !slices.Equal(got, want) {
		t.Errorf("warnings:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var doubles []string
	for _, entry := range c.Duplicates() {
		doubles = append(doubles, entry.Name)
	}
	if !slices.Equal(doubles, []string{"x", "y"}) {
		t.Errorf("duplicates: %q", doubles)
	}
}

func TestServices(t *testing.T) {
	c := open(t, "compatibility_level = 3.6\nbanner = main\nx = $banner", `
smtp  inet n - y - - smtpd
  -o banner=master -v -o { smtpd_client_restrictions = permit_mynetworks, reject }
  -obanner=last
pickup unix n - - 60? 1 pickup
`)
	s := c.Service("smtp", "inet")
	if s == nil || !s.Chroot || s.Daemon() != "smtpd" {
		t.Fatalf("smtp/inet: %+v", s)
	}
	view := c.View(s)
	for name, want := range map[string]string{"banner": "last", "x": "last", "service_name": "smtp", "process_name": "smtpd",
		"smtpd_client_restrictions": "permit_mynetworks, reject", "mail_owner": "postfix"} {
		if got := view.Value(name); got != want {
			t.Errorf("%s of smtp/inet is %q, want %q", name, got, want)
		}
	}
	if place := view.Get("banner").Place.Line; place != 4 {
		t.Errorf("banner is set in line %d, want 4", place)
	}
	if want := []string{"-o", "banner=master", "-v", "-o", "smtpd_client_restrictions=permit_mynetworks, reject", "-o", "banner=last"}; !slices.Equal(s.Args, want) {
		t.Errorf("arguments %q, want %q", s.Args, want)
	}
	if p := c.Service("pickup", "unix"); p.Fields[5] != "60?" || p.Chroot {
		t.Errorf("pickup: %+v", p)
	}
}

// TestBuiltin holds the table to what the releases say themselves.
func TestBuiltin(t *testing.T) {
	releases := map[string]Defaults{}
	for _, release := range []string{"3.7", "3.10"} {
		text, err := os.ReadFile("../doctor/testdata/defaults/" + release + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		releases[release] = NewDefaults(string(text), true)
	}
	changed := Changed()
	for name, want := range Builtin().values {
		if got, known := releases["3.7"].Get(name); !known || got != want {
			t.Errorf("%s = %s, Postfix 3.7 has %q", name, want, got)
		}
		if later, known := changed[name]; known {
			want = later
		}
		if got, known := releases["3.10"].Get(name); !known || got != want {
			t.Errorf("%s = %s in Postfix 3.10, which has %q", name, want, got)
		}
	}
}

// TestLoadBroken: what postconf(1) gives up on is named, and not the warnings
// before.
func TestLoadBroken(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "postconf")
	for path, text := range map[string]string{
		"main.cf":   "mynetworks = ${y\nmynetworks = 127.0.0.0/8\nrelayhost = ${x\n",
		"master.cf": "smtp inet n - y - - smtpd\n",
		"postconf":  "#!/bin/sh\necho 'postconf: warning: overriding' >&2; echo 'postconf: fatal: macro processing error' >&2; exit 1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Load(t.Context(), dir, Program{Path: program})
	if err == nil || !strings.Contains(err.Error(), `main.cf:3: relayhost: "${x": the parenthesis`) ||
		!strings.HasSuffix(err.Error(), `exit status 1: "postconf: fatal: macro processing error"`) || strings.Contains(err.Error(), "main.cf:1") {
		t.Errorf("%v", err)
	}
}
