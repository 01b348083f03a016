package postsrsd

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestShell reads assignments, and compares with what sh makes of them.
func TestShell(t *testing.T) {
	environ := []string{"HOME=/root", "OUTER=from outside", "EMPTY="}
	tests := []struct{ text, a, b string }{
		{"", "", ""},
		{"A=1", "1", ""},
		{"A=1\nA=2\n", "2", ""},
		{"A=1 B=2", "1", "2"},
		{"A=1;B=2;", "1", "2"},
		{"A=1 B=$A", "1", "1"},
		{"  A=1\t# comment \\\n\tB=2", "1", "2"},
		{"A=1#2 B=#3", "1#2", "#3"},
		{"A==", "=", ""},
		{"A=B=C", "B=C", ""},
		{"A= B=2", "", "2"},
		{"A=\\\n1\\\n2 \\\n B=3", "12", "3"},
		{`A='a "b" \ $c' B="a 'b' \c"`, `a "b" \ $c`, `a 'b' \c`},
		{`A="\$\"\\\` + "`" + `\a"`, `$"\` + "`" + `\a`, ""},
		{`A=\$\"\'\\\ \a`, `$"'\ a`, ""},
		{"A='a\nb' B=\"c\nd\\\ne\"", "a\nb", "c\nde"},
		{`A=a'b'"c"d B=''""`, "abcd", ""},
		{"A=$OUTER B=\"$OUTER\"", "from outside", "from outside"},
		{"A=${OUTER}x B=$OUTERx", "from outsidex", ""},
		{"A=$EMPTY. B=${UNSET}.", ".", "."},
		{"A=${UNSET:-x} B=${EMPTY:-y}", "x", "y"},
		{"A=${OUTER:-x} B=${OUTER:-}", "from outside", "from outside"},
		{"OUTER=inside A=$OUTER", "inside", ""},
		{"export A=1\nexport B\nB=2", "1", "2"},
		{"export A=1 B C", "1", ""},
		{"export=1 A=$export", "1", ""},
		{"A=a$ B=\"b$\"", "a$", "b$"},
		{"A=$/x B=$.", "$/x", "$."},
		{`A=1\`, `1\`, ""},
		{"A={a,b}[c]!%@:^+-", "{a,b}[c]!%@:^+-", ""},
		{"A=.example.com,example.org", ".example.com,example.org", ""},
		{"A=a~b B='~'", "a~b", "~"},
		{"_x9=1 A=$_x9", "1", ""},
		{"A=\xff\xc3\xa4", "\xff\xc3\xa4", ""},
		{"A=1 # no line break at the end", "1", ""},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			vars := environment(environ)
			if err := newShell("f", test.text, vars).run(); err != nil {
				t.Fatal(err)
			}
			if a, b := vars["A"].text, vars["B"].text; a != test.a || b != test.b {
				t.Errorf("got %q and %q, want %q and %q", a, b, test.a, test.b)
			}
			if a, b := askShell(t, test.text, environ); a != test.a || b != test.b {
				t.Errorf("sh says %q and %q, want %q and %q", a, b, test.a, test.b)
			}
		})
	}
}

// askShell sources the text and prints two variables.
func askShell(t *testing.T, text string, environ []string) (a, b string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "defaults")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sh := exec.Command("/bin/sh", "-c", `. "$1"; printf '%s|%s' "$A" "$B"`, "sh", file)
	sh.Env = environ
	out, err := sh.Output()
	if err != nil {
		t.Fatal(err)
	}
	a, b, _ = strings.Cut(string(out), "|")
	return a, b
}

// TestEnvironmentAlone is PostSRSd 1.x with -e: no launcher, no file.
func TestEnvironmentAlone(t *testing.T) {
	unasked := func() (string, error) { t.Error("Postfix was asked"); return "", nil }
	d, err := ReadDefaults("", []string{"SRS_DOMAIN=example.com"}, unasked)
	if err != nil {
		t.Fatal(err)
	}
	want := &Defaults{
		Domain: "example.com", SecretFile: "/etc/postsrsd.secret", Separator: '=', HashLength: 4, HashMinimum: 4,
		Exclude: new(Domains), Network: "tcp", ForwardPort: 10001, ReversePort: 10002, Timeout: 1800 * time.Second, vars: d.vars,
	}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("got  %+v\nwant %+v", d, want)
	}

	d, err = ReadDefaults("", []string{
		"SRS_DOMAIN=first", "SRS_DOMAIN=example.org", "SRS_SECRET=/secret", "SRS_SEPARATOR=-", "SRS_HASHLENGTH=5", "SRS_HASHMIN=3",
		"SRS_EXCLUDE_DOMAINS=a.example;b.example", "SRS_FORWARD_PORT=1", "SRS_REVERSE_PORT=2", "SRS_TIMEOUT=3", "SRS_PID_FILE=/pid",
		"SRS_LISTEN_ADDR=0.0.0.0", "RUN_AS=nobody", "CHROOT=/jail", "SRS_EXTRA_OPTIONS=-A",
		"SRS_UNKNOWN=in the environment, which is not ours", "broken",
	}, unasked)
	if err != nil {
		t.Fatal(err)
	}
	exclude := new(Domains)
	exclude.Add("a.example")
	exclude.Add("b.example")
	want = &Defaults{
		Domain: "example.org", SecretFile: "/secret", Separator: '-', HashLength: 5, HashMinimum: 3,
		ExcludeDomains: []string{"a.example", "b.example"}, Exclude: exclude, ListenAddr: "0.0.0.0", Network: "tcp", ForwardPort: 1, ReversePort: 2,
		Timeout: 3 * time.Second, AlwaysRewrite: true, PIDFile: "/pid", RunAs: "nobody", Chroot: "/jail", vars: d.vars,
	}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("got  %+v\nwant %+v", d, want)
	}
	if err := d.CheckUser(); err != nil {
		t.Error(err)
	}
}

func TestFileWinsOverEnvironment(t *testing.T) {
	environ := []string{"SRS_DOMAIN=environment.example", "SRS_HASHLENGTH=9", "RUN_AS=no such user"}
	d, err := ParseDefaults("f", []byte("SRS_DOMAIN=file.example\n"), environ, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d.Domain != "file.example" || d.HashLength != 9 {
		t.Errorf("%s, %d", d.Domain, d.HashLength)
	}
	if d.Where("SRS_DOMAIN") != "f:1" || d.Where("SRS_HASHLENGTH") != "environment" || d.Where("CHROOT") != "f" {
		t.Errorf("%s, %s, %s", d.Where("SRS_DOMAIN"), d.Where("SRS_HASHLENGTH"), d.Where("CHROOT"))
	}
	complaint(t, d.CheckUser(), `environment: RUN_AS: there is no user "no such user": name one of this machine`)
}

func TestPostfixIsAsked(t *testing.T) {
	const hint = "set SRS_DOMAIN to the domain that rewritten senders carry"
	tests := []struct {
		name, text string
		answer     string
		err        error
		want       string
		complaint  string
	}{
		{name: "answer", answer: "example.com\n", want: "example.com"},
		{name: "set empty", text: "SRS_DOMAIN=''", answer: "example.com", want: "example.com"},
		{name: "empty answer", answer: "\n", complaint: "f: SRS_DOMAIN is empty, and so is mydomain of Postfix: " + hint},
		{name: "no dot", text: "\nSRS_DOMAIN=", answer: "localdomain\n",
			complaint: `f:2: SRS_DOMAIN is empty, and mydomain of Postfix is "localdomain", a name that other hosts cannot look up: ` + hint},
		{name: "nonsense", answer: "postconf: warning\nexample.com",
			complaint: `f: SRS_DOMAIN is empty, and mydomain of Postfix is "postconf: warning\nexample.com", a name that other hosts cannot look up: ` + hint},
		{name: "no Postfix", err: errors.New("postconf is not installed"),
			complaint: "f: SRS_DOMAIN is empty, and Postfix was asked for mydomain: postconf is not installed: " + hint},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, err := ParseDefaults("f", []byte(test.text), nil, postfixSays(test.answer, test.err))
			if test.complaint != "" {
				complaint(t, err, test.complaint)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d.Domain != test.want {
				t.Errorf("got %q", d.Domain)
			}
		})
	}
}

func TestExtraOptions(t *testing.T) {
	type result struct {
		Always, Daemon bool
		Network        string
		Timeout        int // seconds
		PID            string
		Exclude        []string
		Warned         bool
	}
	plain := result{Network: "tcp", Timeout: 7, PID: "/variable"}
	with := func(change func(*result)) result { r := plain; change(&r); return r }
	tests := []struct {
		options string
		want    result
	}{
		{"", plain},
		{"  \t\n", plain},
		{"-A", with(func(r *result) { r.Always = true })},
		{"-AD4", with(func(r *result) { r.Always, r.Daemon, r.Network = true, true, "tcp4" })},
		{"-64", with(func(r *result) { r.Network = "tcp4" })},
		{"-t60", with(func(r *result) { r.Timeout = 60 })},
		{"-t 60", with(func(r *result) { r.Timeout = 60 })},
		{"-At 60 -4", with(func(r *result) { r.Always, r.Timeout, r.Network = true, 60, "tcp4" })},
		{"-t -1", with(func(r *result) { r.Timeout = -1 })},
		{"-t 60x", with(func(r *result) { r.Timeout, r.Warned = 60, true })},
		{"-t 60 -e", plain},
		{"-e -t 60", with(func(r *result) { r.Timeout = 60 })},
		{"-p /option", with(func(r *result) { r.PID = "/option" })},
		{"-p/option -e", plain},
		{"-X", plain},
		{"-Xa.example", with(func(r *result) { r.Exclude = []string{"a.example"} })},
		{"-AXa.example,.b.example -Xc.example;d.example", with(func(r *result) {
			r.Always, r.Exclude = true, []string{"a.example", ".b.example", "c.example", "d.example"}
		})},
		{`-X"a.example"`, with(func(r *result) { r.Exclude = []string{`"a.example"`} })},
		{"-d other.example", with(func(r *result) { r.Warned = true })},
		{"-n9 -N9 -a+ -l* -f1 -r2 -s/x -uroot -c/", with(func(r *result) { r.Warned = true })},
	}
	for _, test := range tests {
		t.Run(test.options, func(t *testing.T) {
			text := "SRS_DOMAIN=a.example SRS_TIMEOUT=7 SRS_PID_FILE=/variable SRS_EXTRA_OPTIONS='" + test.options + "'"
			d, err := ParseDefaults("f", []byte(text), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := result{d.AlwaysRewrite, d.Daemonize, d.Network, int(d.Timeout.Seconds()), d.PIDFile, slices.Clip(d.ExcludeDomains), len(d.Warnings) > 0}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("\n got %+v\nwant %+v %q", got, test.want, d.Warnings)
			}
			if d.Domain != "a.example" || d.HashLength != 4 || d.HashMinimum != 4 || d.Separator != '=' || d.ListenAddr != "127.0.0.1" ||
				d.ForwardPort != 10001 || d.ReversePort != 10002 || d.RunAs != "postsrsd" || d.Chroot != "/var/lib/postsrsd" {
				t.Errorf("an option won over its variable: %+v", d)
			}
		})
	}
}

func TestAtoi(t *testing.T) {
	tests := []struct {
		text  string
		want  int
		whole bool
	}{
		{"0", 0, true}, {"42", 42, true}, {"-42", -42, true}, {"+42", 42, true}, {" \t\n42", 42, true}, {"042", 42, true},
		{"42 ", 42, false}, {"42x", 42, false}, {"0x42", 0, false}, {"", 0, false}, {"-", 0, false}, {"+-4", 0, false}, {"x", 0, false},
		{"99999999999999999999999", 1<<31 - 1, true}, {"-99999999999999999999999", 1 - 1<<31, true},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			if got, whole := atoi(test.text); got != test.want || whole != test.whole {
				t.Errorf("got %d, %v", got, whole)
			}
		})
	}
}
