package scratch

import (
	"maps"
	"strings"
	"testing"
)

func TestRenderMain(t *testing.T) {
	got, err := renderMain(map[string]string{"b": "two,\nthree\n", "a": "", "c": "  x = y "})
	if want := "a = \nb = two,\n    three\nc = x = y\n"; got != want || err != nil {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	for _, name := range []string{"", "two words", "a=b", "#a"} {
		if _, err := renderMain(map[string]string{name: "x"}); err == nil {
			t.Errorf("parameter name %q was taken", name)
		}
	}
}

func TestParseMain(t *testing.T) {
	got, err := ParseMain("# comment\na = 1\n\nb=2,\n# comment between\n  3\nempty =\n")
	want := map[string]string{"a": "1", "b": "2,\n  3", "empty": ""}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	for text, complaint := range map[string]string{
		"a = 1\na = 2\n": "a is set twice",
		"nonsense\n":     "want name = value",
		" = x\n":         "want name = value",
	} {
		if _, err := ParseMain(text); err == nil || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%q: %v; want %q", text, err, complaint)
		}
	}
}

func TestMainParametersOfTheUserWin(t *testing.T) {
	p := &Postfix{dir: "/root/tmp/x", opts: PostfixOptions{Root: "/root/", Main: map[string]string{"myhostname": "other", "new": "x"}}}
	got := p.mainParameters()
	for name, want := range map[string]string{"myhostname": "other", "new": "x", "queue_directory": "/tmp/x/queue"} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
}

func TestMergeMaster(t *testing.T) {
	base := "smtp inet n - n - - smtpd\nsmtp unix - - n - - smtp\n  -o x=y\nqmgr unix n - n 300 1 qmgr\n"
	changes := "# a comment\nsmtp\tunix - - n - - smtp\n    -o a=b\n    -o c=d\nextra unix - n n - - pipe\n"
	want := "smtp inet n - n - - smtpd\nsmtp\tunix - - n - - smtp\n    -o a=b\n    -o c=d\nqmgr unix n - n 300 1 qmgr\nextra unix - n n - - pipe\n"
	if got := mergeMaster(base, changes); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDefaultMasterChroot(t *testing.T) {
	for chroot, want := range map[bool]string{true: "cleanup unix n - y - 0 cleanup", false: "cleanup unix n - n - 0 cleanup"} {
		got := defaultMaster("127.0.0.1:23", chroot)
		if !strings.Contains(got, want) || !strings.HasPrefix(got, "127.0.0.1:23 inet n - ") || !strings.Contains(got, "qmgr unix n - n ") {
			t.Errorf("chroot %t:\n%s", chroot, got)
		}
	}
}
