package dkim

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// at is a folder of OpenDKIM in a test.
type at struct {
	*testing.T
	dir string
}

func in(t *testing.T) at { return at{t, t.TempDir()} }

func (a at) sync(o Options, domains ...string) *Report {
	a.Helper()
	r, err := a.try(o, domains...)
	if err != nil {
		a.Fatal(err)
	}
	return r
}

func (a at) try(o Options, domains ...string) (*Report, error) {
	o.Dir, o.Owner, o.Bits = a.dir, Nobody(), 1024
	return Sync(a.Context(), o, domains)
}

func (a at) path(name string) string { return filepath.Join(a.dir, name) }

func (a at) read(name string) string {
	a.Helper()
	text, err := os.ReadFile(a.path(name))
	if err != nil {
		a.Fatal(err)
	}
	return string(text)
}

func (a at) write(name, text string) {
	a.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(a.path(name)), 0o755), os.WriteFile(a.path(name), []byte(text), 0o600)); err != nil {
		a.Fatal(err)
	}
}

// lines are those of a table that are no comments.
func (a at) lines(name string) (lines []string) {
	a.Helper()
	for l := range strings.Lines(a.read(name)) {
		if !strings.HasPrefix(l, "#") {
			lines = append(lines, strings.ReplaceAll(strings.TrimSpace(l), a.dir, "DIR"))
		}
	}
	return lines
}

func (a at) want(name string, lines ...string) {
	a.Helper()
	if got := a.lines(name); !slices.Equal(got, lines) {
		a.Errorf("%s: %q, want %q", name, got, lines)
	}
}

// everything is all there is, to see whether a run changed any of it.
func (a at) everything() map[string]string {
	a.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(a.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all[path] = info.Mode().String() + info.ModTime().String()
		if d.Type().IsRegular() {
			text, err := os.ReadFile(path)
			all[path] += string(text)
			return err
		}
		return nil
	})
	if err != nil {
		a.Fatal(err)
	}
	return all
}

func (a at) unchanged(before map[string]string) {
	a.Helper()
	after := a.everything()
	for path, was := range before {
		if after[path] != was {
			a.Errorf("%s: was %.200q, is %.200q", path, was, after[path])
		}
	}
	if len(after) != len(before) {
		a.Errorf("%d files, %d before", len(after), len(before))
	}
}

const (
	orgKey = "mail._domainkey.example.org example.org:mail:DIR/keys/example.org/mail.private"
	netKey = "mail._domainkey.example.net example.net:mail:DIR/keys/example.net/mail.private"
	orgPat = "*@example.org mail._domainkey.example.org"
	netPat = "*@example.net mail._domainkey.example.net"
)

func TestFirstRun(t *testing.T) {
	a := in(t)
	old := syscall.Umask(0o077) // of the operator's shell
	defer syscall.Umask(old)
	r := a.sync(Options{}, "example.org", "example.net", "example.org")
	a.want("KeyTable", netKey, orgKey)
	a.want("SigningTable", netPat, orgPat)
	if r.Selector != "mail" || len(r.Changed) != 2 || len(r.Domains) != 2 {
		t.Errorf("%+v", r)
	}
	for _, d := range r.Domains {
		if d.State != Signed || !d.Made || d.Bits != 1024 || d.Record.Name != "mail._domainkey."+d.Name || d.Trouble != "" {
			t.Errorf("%+v", d)
		}
		if !strings.HasPrefix(a.read("keys/"+d.Name+"/mail.private"), "-----BEGIN RSA PRIVATE KEY-----\n") {
			t.Error("no PEM of PKCS #1")
		}
	}
	for name, mode := range map[string]fs.FileMode{
		"KeyTable": 0o640, "SigningTable": 0o640, "keys": 0o750 | fs.ModeDir, "keys/example.org": 0o750 | fs.ModeDir, "keys/example.org/mail.private": 0o600,
	} {
		if info, err := os.Stat(a.path(name)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, want %v", name, info.Mode(), mode)
		}
	}
}

func TestSecondRun(t *testing.T) {
	a := in(t)
	first := a.sync(Options{}, "example.org", "example.net")
	before := a.everything()
	r := a.sync(Options{}, "example.net", "example.org")
	a.unchanged(before)
	if len(r.Changed) != 0 || r.Domains[0].Made || r.Domains[0].Record != first.Domains[0].Record {
		t.Errorf("%+v", r)
	}
}

func TestDryRun(t *testing.T) {
	a := in(t)
	before := a.everything()
	r := a.sync(Options{DryRun: true}, "example.org")
	a.unchanged(before)
	if len(r.Changed) != 2 || !r.Domains[0].Made || r.Domains[0].Record.Name != "" {
		t.Errorf("%+v", r)
	}
	a.sync(Options{}, "example.org", "example.net")
	before = a.everything()
	if r := a.sync(Options{DryRun: true}, "example.org", "example.net"); len(r.Changed) != 0 || r.Domains[0].State != Signed {
		t.Errorf("%+v", r)
	}
	r = a.sync(Options{DryRun: true}, "example.org")
	a.unchanged(before)
	if len(r.Changed) != 2 || !slices.Equal(r.Dropped, []string{"example.net"}) {
		t.Errorf("%+v", r)
	}
}

func TestDeactivated(t *testing.T) {
	a := in(t)
	a.sync(Options{}, "example.org", "example.net")
	key := a.read("keys/example.net/mail.private")
	if r := a.sync(Options{}, "example.org"); !slices.Equal(r.Dropped, []string{"example.net"}) || len(r.Changed) != 2 {
		t.Errorf("%+v", r)
	}
	a.want("KeyTable", orgKey)
	a.want("SigningTable", orgPat)
	if a.read("keys/example.net/mail.private") != key {
		t.Error("the key is another")
	}
	if r := a.sync(Options{}, "example.org", "example.net"); r.Domains[0].Made {
		t.Error("a new key when the domain came back")
	}
}

func TestShrink(t *testing.T) {
	a := in(t)
	a.sync(Options{}, "example.org", "example.net", "example.com")
	before := a.everything()
	for _, left := range [][]string{nil, {"example.org"}, {"other.test"}} {
		if _, err := a.try(Options{DryRun: true}, left...); !errors.Is(err, ErrShrink) {
			t.Errorf("%q: %v", left, err)
		}
		a.unchanged(before)
	}
	if _, err := a.try(Options{}); !errors.Is(err, ErrShrink) {
		t.Error(err)
	}
	a.unchanged(before)
	a.sync(Options{Shrink: true})
	a.want("SigningTable")
	a.want("KeyTable")
}

func TestSelector(t *testing.T) {
	a := in(t)
	a.sync(Options{Selector: "s1"}, "example.org")
	if r := a.sync(Options{}, "example.org"); r.Selector != "s1" || r.Domains[0].Made {
		t.Errorf("the selector is not remembered: %+v", r)
	}
	before := a.read("SigningTable") + a.read("KeyTable")
	r := a.sync(Options{Selector: "s2", KeysOnly: true}, "example.org")
	if d := r.Domains[0]; len(r.Changed) != 0 || d.State != Pending || !d.Made || d.Record.Name != "s2._domainkey.example.org" {
		t.Errorf("%+v", r)
	}
	if a.read("SigningTable")+a.read("KeyTable") != before {
		t.Error("the tables have changed")
	}
	if r := a.sync(Options{Selector: "s2"}, "example.org"); r.Domains[0].Made || len(r.Changed) != 2 || len(r.Dropped) != 0 {
		t.Errorf("%+v", r)
	}
	a.want("SigningTable", "*@example.org s2._domainkey.example.org")
	a.want("KeyTable", "s2._domainkey.example.org example.org:s2:DIR/keys/example.org/s2.private")
	a.read("keys/example.org/s1.private")
}

func TestOptions(t *testing.T) {
	a := in(t)
	for _, o := range []Options{
		{Dir: a.dir, Bits: 512}, {Dir: a.dir, Bits: 2047}, {Dir: a.dir, Selector: "../x"}, {Dir: a.dir, Selector: "A"},
		{Dir: a.dir + "/with blank"}, {Dir: a.dir + "/with:colon"},
	} {
		if _, err := Sync(t.Context(), o, nil); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := Sync(t.Context(), Options{Dir: a.dir + "/none"}, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestRefusedNames(t *testing.T) {
	a := in(t)
	r := a.sync(Options{}, "../../etc", "Example.org", "bücher.example", "example.org", "a b.test", "x\n* y.test")
	a.want("SigningTable", orgPat)
	a.want("KeyTable", orgKey)
	for _, d := range r.Domains {
		if (d.State == Refused) != (d.Name != "example.org") || (d.State == Refused) != (d.Trouble != "") {
			t.Errorf("%+v", d)
		}
	}
	if names, _ := filepath.Glob(a.path("keys/*")); len(names) != 1 {
		t.Errorf("%q", names)
	}
}

func TestOtherHands(t *testing.T) {
	a := in(t)
	a.write("SigningTable", "# mine\nchief@example.org  x\n*@example.net theirs # old\n")
	a.write("KeyTable", "theirs example.net:s1:"+a.dir+"/old.private\nmail._domainkey.example.com example.com:mail:/elsewhere\n")
	a.write("old.private", string(encodeKey(aKey(t))))
	r := a.sync(Options{}, "example.org", "example.net", "example.com")
	a.want("SigningTable", "chief@example.org  x", "*@example.net theirs # old", orgPat)
	a.want("KeyTable", "theirs example.net:s1:DIR/old.private", "mail._domainkey.example.com example.com:mail:/elsewhere", orgKey)
	com, net, org := r.Domains[0], r.Domains[1], r.Domains[2]
	if com.State != Refused || !strings.Contains(com.Trouble, "KeyTable:2") {
		t.Errorf("%+v", com)
	}
	if net.State != Left || net.Trouble != "" || net.Record.Name != "s1._domainkey.example.net" || net.Made {
		t.Errorf("%+v", net)
	}
	if org.State != Signed {
		t.Errorf("%+v", org)
	}
	t.Run("taken over", func(t *testing.T) { // a line of theirs that is removed
		a.write("SigningTable", strings.Replace(a.read("SigningTable"), "*@example.net theirs # old\n", "", 1))
		if r := a.sync(Options{}, "example.org", "example.net"); r.Domains[0].State != Signed {
			t.Errorf("%+v", r.Domains[0])
		}
	})
	t.Run("given away", func(t *testing.T) {
		a.write("SigningTable", "*@example.net theirs\n"+a.read("SigningTable"))
		if r := a.sync(Options{}, "example.org", "example.net"); r.Domains[0].State != Left || len(r.Dropped) != 0 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("the same name and key", func(t *testing.T) {
		a.write("KeyTable", strings.ReplaceAll(orgKey, "DIR", a.dir)+"\n")
		a.sync(Options{}, "example.org", "example.net")
		a.want("KeyTable", orgKey)
	})
}

func TestList(t *testing.T) {
	a := in(t)
	a.sync(Options{Selector: "s1"}, "example.org")
	a.sync(Options{Selector: "s2"}, "example.org", "example.net")
	a.write("SigningTable", "*@theirs.test lost\n"+a.read("SigningTable"))
	a.write("keys/example.net/s2.private", "")
	all, err := List(a.dir, Nobody())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range all {
		trouble := ""
		if d.Trouble != "" {
			trouble = " !"
		}
		got = append(got, strings.Join([]string{d.Name, string(d.State), d.Selector}, " ")+trouble)
	}
	want := []string{"example.net signed s2 !", "example.org signed s2", "example.org pending s1", "theirs.test left  !"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if _, err := List(a.dir+"/none", Nobody()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}
