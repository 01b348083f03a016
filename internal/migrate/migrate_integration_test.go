//go:build integration

package migrate

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/lookup"
	"postern/internal/postconf"
	"postern/internal/scratch"
	"postern/internal/store"
)

// server is the database of the tests of this file.
func server(t *testing.T) *scratch.MariaDB {
	t.Helper()
	db, err := scratch.StartMariaDB(t.Context(), scratch.MariaDBOptions{Database: "maildb", User: "mailuser", Password: "wordpass"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Stop(); err != nil {
			t.Error(err)
		}
	})
	files, err := filepath.Glob("../../__db/*.sql")
	if err != nil || len(files) != 15 {
		t.Fatalf("%d files of the schema: %v", len(files), err)
	}
	if err := db.Load(t.Context(), files...); err != nil {
		t.Fatal(err)
	}
	additions, err := filepath.Glob("../../__db/additions/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Load(t.Context(), additions...); err != nil {
		t.Fatal(err)
	}
	return db
}

const rows = `
INSERT INTO domain (name, active) VALUES ('example.org', 1), ('example.net', 1), ('gone.example', 0);
INSERT INTO alias (address, goto, active) VALUES
  ('info@example.org', 'someone@example.com', 1), ('team@example.org', 'a@example.com, b@example.com', 1),
  ('off@example.org', 'x@example.com', 0), ('old@gone.example', 'someone@example.com', 1),
  ('loop@example.org', 'loop@example.net', 1), ('loop@example.net', 'loop@example.org', 1);
INSERT INTO alias_handle (handle, address, active) VALUES ('jane', 'jane@example.com', 1), ('admin', 'boss@example.com', 1);
INSERT INTO smtp_sender_acl (login, sender, active) VALUES ('a', 'info@example.org', 1), ('b', 'info@example.org', 1), ('a', 'team@example.org', 1);
INSERT INTO api_bans (ban_type, ban_value, reason, created_at) VALUES ('domain', 'banned.example', 'spam', NOW());
`

// host is a scene whose tables are in the database.
func host(t *testing.T, db *scratch.MariaDB, name string) (string, Options) {
	t.Helper()
	dir := scene(t, name)
	files, err := filepath.Glob(filepath.Join(dir, "*.cf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text = []byte(strings.ReplaceAll(string(text), "hosts = 127.0.0.1\n", "hosts = "+db.Addr()+"\n"))
		if err := os.WriteFile(file, text, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	o := optionsOf(dir)
	o.Postconf = postconf.Program{}
	return dir, o
}

// planOf reads and plans as the command does.
func planOf(t *testing.T, o Options) (*Plan, Keys) {
	t.Helper()
	s, err := Read(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Plan(nil)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := p.CollectKeys(t.Context(), 0, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p, err = s.Plan(keys.Reserved); err != nil {
		t.Fatal(err)
	}
	return p, keys
}

func settings(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, option := range []string{"-n", "-P", "-M"} {
		out, err := postconf.Program{}.Run(t.Context(), dir, option)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(out, "\n")
		if option == "-M" { // the order of -o says nothing
			for i, line := range lines {
				words := strings.Fields(line)
				slices.Sort(words)
				lines[i] = strings.Join(words, " ")
			}
		}
		slices.Sort(lines)
		all[option] = strings.Join(lines, "\n")
	}
	return all
}

// TestThereAndBack applies, applies again, and goes back by the printed
// lines.
func TestThereAndBack(t *testing.T) {
	db := server(t)
	if err := db.Exec(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	dir, o := host(t, db, "reference")
	before := settings(t, dir)
	mainBefore, _ := os.ReadFile(filepath.Join(dir, "main.cf"))
	p, keys := planOf(t, o)
	if want := []string{"admin"}; !slices.Equal(keys.Reserved, want) {
		t.Errorf("reserved handles with rows: %q, want %q", keys.Reserved, want)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	backups, err := p.Apply(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join(dir, "main.cf.before-postern-20260102T030405Z"))
	if err != nil || string(kept) != string(mainBefore) || len(backups) != 2 {
		t.Errorf("backups %q, that of main.cf: %v", backups, err)
	}
	changed, _ := os.ReadFile(filepath.Join(dir, "main.cf"))
	for _, comment := range []string{"# a forwarding host", "# handles first"} {
		if !strings.Contains(string(changed), comment) {
			t.Errorf("the comment %q is gone from main.cf:\n%s", comment, changed)
		}
	}
	for _, file := range []string{"database.password", "srs.secret"} {
		if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}
	again, err := Read(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := again.Plan(nil); err != nil || !second.Empty() {
		t.Errorf("a second run finds %v, %v", second.Edits, err)
	}
	runLines(t, p.WayBack())
	if after := settings(t, dir); !maps.Equal(before, after) {
		t.Errorf("after the way back:\n%v\nbefore:\n%v", after, before)
	}
	runLines(t, p.Switch())
	runLines(t, p.WayBack())
	if after := settings(t, dir); !maps.Equal(before, after) {
		t.Errorf("after switch and way back by hand:\n%v\nbefore:\n%v", after, before)
	}
}

// runLines runs shell lines as an operator would.
func runLines(t *testing.T, lines []string) {
	t.Helper()
	script := filepath.Join(t.TempDir(), "lines")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nset -e\n"+strings.Join(lines, "\n")+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := (postconf.Program{Path: script}).Run(context.Background(), "x"); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
}

// TestRefusals: what cannot be read or asked is said in one line, and nothing
// is changed.
func TestRefusals(t *testing.T) {
	db := server(t)
	for _, test := range []struct {
		name, prepare string
		want          string
	}{
		{"no rights", "CREATE USER poor@'%' IDENTIFIED BY 'wordpass'; GRANT SELECT ON maildb.alias TO poor@'%';", "the user needs SELECT on it"},
		{"wrong password", "CREATE USER stranger@'%' IDENTIFIED BY 'other';", "domain"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := db.Exec(t.Context(), test.prepare); err != nil {
				t.Fatal(err)
			}
			user := strings.Fields(test.prepare)[2]
			dir, o := host(t, db, "reference")
			replaceInFiles(t, dir, "user = mailuser", "user = "+strings.TrimSuffix(user, "@'%'"))
			before := listing(t, dir)
			s, err := Read(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			p, err := s.Plan(nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.CollectKeys(t.Context(), 0, nil, nil)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %q", err, test.want)
			}
			if after := listing(t, dir); after != before {
				t.Errorf("changed:\n%s\nbefore:\n%s", after, before)
			}
		})
	}
}

func replaceInFiles(t *testing.T, dir, old, now string) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "*.cf"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), old, now)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// listing is names and contents of a folder.
func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "== %s\n%s", e.Name(), text)
	}
	return b.String()
}

// fixed is a new side with answers of the test's own.
type fixed struct{ set lookup.Set }

func (f fixed) Open(context.Context) (lookup.Set, func(), error) { return f.set, func() {}, nil }

// TestCompare compares the old side with itself, which differs in nothing, and
// with a map that lost everything, which nobody meant.
func TestCompare(t *testing.T) {
	db := server(t)
	if err := db.Exec(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	_, o := host(t, db, "reference")
	p, keys := planOf(t, o)
	set := lookup.Set{}
	pools := store.NewPools(nil)
	defer pools.Close()
	for _, ask := range p.Asks {
		old, err := p.oldSide(ask, pools)
		if err != nil {
			t.Fatal(err)
		}
		set[ask.Map] = old
	}
	found, err := p.Compare(t.Context(), keys, 0, fixed{set}, func() {})
	if err != nil || found.Different != 0 || found.Asked < 20 {
		t.Errorf("the old side against itself: %+v, %v", found, err)
	}
	set["virtual"] = lookup.Func(func(context.Context, string) (string, bool, error) { return "", false, nil })
	found, err = p.Compare(t.Context(), keys, 0, fixed{set}, func() {})
	if err != nil || found.Unexplained == 0 {
		t.Errorf("a new side that finds nothing: %+v, %v", found, err)
	}
	value, ok, err := set["sender-login-maps"].Lookup(t.Context(), "team@example.org")
	if value != "a" || !ok || err != nil {
		t.Errorf("old login: %q, %v, %v", value, ok, err)
	}
}
