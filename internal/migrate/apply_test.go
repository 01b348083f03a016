package migrate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/postconf"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// planned is a plan of a scene whose postconf(1) is a script: it appends what
// it is told to main.cf.
func planned(t *testing.T, script string) (string, *Plan) {
	t.Helper()
	dir := scene(t, "secondconf")
	program := filepath.Join(t.TempDir(), "postconf")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	o := optionsOf(dir)
	s, err := Read(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Plan(nil)
	if err != nil {
		t.Fatal(err)
	}
	p.options.Postconf = postconf.Program{Path: program}
	return dir, p
}

// appends does what -e does, as far as reading goes: the last entry wins.
const appends = `dir=$2; shift 3; for entry; do printf '%s\n' "$entry" >>"$dir/main.cf"; done`

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e.Name()+"\n"+string(text))
	}
	return strings.Join(all, "\n")
}

func TestApply(t *testing.T) {
	dir, p := planned(t, appends)
	if err := os.Chmod(filepath.Join(dir, "main.cf"), 0o640); err != nil {
		t.Fatal(err)
	}
	old, _ := os.ReadFile(filepath.Join(dir, "main.cf"))
	backups, err := p.Apply(t.Context(), noon)
	if err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(dir, "main.cf.before-postern-20260102T120000Z")
	if len(backups) != 1 || backups[0] != kept {
		t.Errorf("backups %q, want %q alone: master.cf and the others are new or unchanged", backups, kept)
	}
	if text, _ := os.ReadFile(kept); string(text) != string(old) {
		t.Errorf("the backup is %q", text)
	}
	for name, want := range map[string]os.FileMode{"main.cf": 0o640, "postern.yaml": 0o640, "database.password": 0o600, "srs.secret": 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want mode %v", name, info, err, want)
		}
	}
	if text, _ := os.ReadFile(filepath.Join(dir, "database.password")); string(text) != "wordpass\n" {
		t.Errorf("database.password: %q", text)
	}
}

// Prepared first, the rest is applied later, and finds its files there.
func TestPrepare(t *testing.T) {
	dir, p := planned(t, appends)
	old, _ := os.ReadFile(filepath.Join(dir, "main.cf"))
	if password, _, err := p.Trial().Database.ReadPassword(); err != nil || password != "wordpass" {
		t.Errorf("the password before its file is there: %q, %v", password, err)
	}
	if backups, err := p.Prepare(noon); err != nil || len(backups) != 0 {
		t.Fatalf("backups %q, %v", backups, err)
	}
	if now, _ := os.ReadFile(filepath.Join(dir, "main.cf")); string(now) != string(old) {
		t.Errorf("main.cf became %s", now)
	}
	s, err := Read(t.Context(), optionsOf(dir))
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Plan(nil)
	if err != nil {
		t.Fatal(err)
	}
	second.options.Postconf = p.options.Postconf
	if len(second.Files) != 0 || len(second.Edits) != len(p.Edits) {
		t.Errorf("the second plan has files %v and %d edits, want none and %d", second.Files, len(second.Edits), len(p.Edits))
	}
	if password, _, err := second.Trial().Database.ReadPassword(); err != nil || password != "wordpass" {
		t.Errorf("the password for questions: %q, %v", password, err)
	}
	if backups, err := second.Apply(t.Context(), noon); err != nil || len(backups) != 1 {
		t.Errorf("backups %q, %v", backups, err)
	}
}

// Killed after any of its files, the next run ends with all of them.
func TestApplyKilled(t *testing.T) {
	for done := range 4 {
		dir, p := planned(t, appends)
		for _, f := range secretsFirst(p.Files)[:done] {
			if err := replace(f); err != nil {
				t.Fatal(err)
			}
		}
		s, err := Read(t.Context(), optionsOf(dir))
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.Plan(nil)
		if err != nil {
			t.Fatalf("after %d files: %v", done, err)
		}
		again.options.Postconf = p.options.Postconf
		if _, err := again.Apply(t.Context(), noon); err != nil {
			t.Errorf("after %d files: %v", done, err)
		}
		for _, name := range []string{"postern.yaml", "database.password", "srs.secret"} {
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
				t.Errorf("after %d files: %v", done, err)
			}
		}
	}
}

// Whatever goes wrong, the folder is as it was.
func TestApplyUndone(t *testing.T) {
	for _, test := range []struct {
		name, script string
		prepare      func(t *testing.T, dir string, p *Plan)
		want         string
	}{
		{"postconf refuses", "echo no such thing >&2; exit 1", nil, "no such thing"},
		{"postconf does something else", "true", nil, "the plan has"},
		{"main.cf was changed meanwhile", appends, func(t *testing.T, dir string, _ *Plan) {
			f, err := os.OpenFile(filepath.Join(dir, "main.cf"), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteString("virtual_alias_maps = hash:/etc/postfix/virtual\n"); err != nil {
				t.Fatal(err)
			}
		}, "it was changed since it was read"},
		{"no postconf", "", func(_ *testing.T, dir string, p *Plan) { p.options.Postconf.Path = filepath.Join(dir, "none") }, "no such file"},
		{"a backup of that time exists", appends, func(t *testing.T, dir string, _ *Plan) {
			if err := os.WriteFile(filepath.Join(dir, "main.cf.before-postern-20260102T120000Z"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "file exists"},
		{"the last file cannot be written", appends, func(_ *testing.T, dir string, p *Plan) {
			p.Files = append(p.Files, File{Path: filepath.Join(dir, "main.cf", "below"), Mode: 0o600, Content: []byte("x")})
		}, "not a directory"},
		{"postern.yaml does not load", appends, func(_ *testing.T, _ string, p *Plan) { p.Files[0].Content = []byte("maps: [\n") }, "postern.yaml after it was written"},
		{"another one is at work", appends, func(t *testing.T, dir string, _ *Plan) {
			unlock, err := lock(dir)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(unlock)
		}, "another migration is at work"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, p := planned(t, test.script)
			if test.prepare != nil {
				test.prepare(t, dir, p)
			}
			before := names(t, dir)
			_, err := p.Apply(t.Context(), noon)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if after := names(t, dir); after != before {
				t.Errorf("changed to\n%s\nfrom\n%s", after, before)
			}
		})
	}
}

// A link to main.cf stays a link.
func TestApplyFollowsLinks(t *testing.T) {
	dir, p := planned(t, appends)
	elsewhere := filepath.Join(t.TempDir(), "main.cf")
	link := filepath.Join(dir, "main.cf")
	if err := os.Rename(link, elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, link); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Lstat(link); info.Mode()&os.ModeSymlink == 0 {
		t.Error("main.cf is no link any more")
	}
	if text, _ := os.ReadFile(elsewhere); !strings.Contains(string(text), "socketmap:unix:postern/socketmap:virtual-aliases") {
		t.Errorf("the file behind the link: %s", text)
	}
}

func TestQuote(t *testing.T) {
	for word, want := range map[string]string{"plain-word.cf": "plain-word.cf", "": "''", "a b": "'a b'", "it's $x": `'it'\''s $x'`} {
		if got := quote(word); got != want {
			t.Errorf("quote(%q) = %s, want %s", word, got, want)
		}
	}
}

func TestQuoted(t *testing.T) {
	for s, want := range map[string]string{"mail.example.org": "mail.example.org", "+": `"+"`, "": `""`, "no": `"no"`, "off": `"off"`,
		"127.0.0.1:3306": `"127.0.0.1:3306"`, "unix:/run/x.sock": "unix:/run/x.sock", "a: b": `"a: b"`, "p@ss\"w": `"p@ss\"w"`, "# x": `"# x"`} {
		if got := quoted(s); got != want {
			t.Errorf("quoted(%q) = %s, want %s", s, got, want)
		}
	}
}
