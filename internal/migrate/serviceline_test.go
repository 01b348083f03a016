package migrate

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"postern/internal/postconf"
)

// service reads one line of master.cf.
func service(t *testing.T, line string) *postconf.Service {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"main.cf": "", "master.cf": line + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := postconf.Open(dir, postconf.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	return c.Master[0]
}

// A service with a value that has blanks is written whole, and the way back
// gives the line that was there.
func TestServiceLine(t *testing.T) {
	const submission = "submission inet n - y - - smtpd -v -o a=1 -o { b = check_x mysql:/f.cf, reject } -o c= -o d=4"
	for _, test := range []struct {
		name, line string
		edits      []Edit
		there      []string
		back       []string
	}{
		{"values without blanks", submission,
			[]Edit{{Name: "a", WasSet: true, Old: "1", IsSet: true, New: "2"}, {Name: "c", WasSet: true}},
			[]string{"-P", "submission/inet/a = 2", "-PX", "submission/inet/c"},
			[]string{"-P", "submission/inet/a = 1", "submission/inet/c = "}},
		{"a value with blanks", submission,
			[]Edit{{Name: "b", WasSet: true, Old: "check_x mysql:/f.cf, reject", IsSet: true, New: "check_x socketmap:s:m, reject"}, {Name: "c", WasSet: true}},
			[]string{"-M", "submission/inet=submission inet n - y - - smtpd -v -o a=1 -o { b=check_x socketmap:s:m, reject } -o d=4"},
			[]string{"-M", "submission/inet=submission inet n - y - - smtpd -v -o a=1 -o { b=check_x mysql:/f.cf, reject } -o c= -o d=4"}},
		{"blanks on the way back only", "submission inet n - y - - smtpd -o {b=x y}",
			[]Edit{{Name: "b", WasSet: true, Old: "x y", IsSet: true, New: "z"}},
			[]string{"-P", "submission/inet/b = z"},
			[]string{"-M", "submission/inet=submission inet n - y - - smtpd -o { b=x y }"}},
		{"arguments behind the options", "submission unix - n n - - pipe flags=R user=nobody argv={/bin/x} {a b}",
			[]Edit{{Name: "b", IsSet: true, New: "x y"}},
			[]string{"-M", "submission/unix=submission unix - n n - - pipe -o { b=x y } flags=R user=nobody argv={/bin/x} { a b }"},
			[]string{"-PX", "submission/unix/b"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := service(t, test.line)
			var back []Edit
			for i := range test.edits {
				test.edits[i].Service, test.edits[i].service = s.ID(), s
				back = append(back, test.edits[i].back())
			}
			if got := flat(groups(test.edits)); !slices.Equal(got, test.there) {
				t.Errorf("there: %q", got)
			}
			if got := flat(groups(back)); !slices.Equal(got, test.back) {
				t.Errorf("back: %q", got)
			}
		})
	}
}

func flat(groups []editGroup) []string {
	var all []string
	for _, g := range groups {
		all = append(append(all, g.option), g.args...)
	}
	return all
}
