package migrate

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/postconf"
)

// scene copies a folder of testdata/plans to one of its own, with its path in
// the place of @DIR@.
func scene(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	from := filepath.Join("testdata/plans", name)
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		text = []byte(strings.ReplaceAll(string(text), "@DIR@", dir))
		if err := os.WriteFile(filepath.Join(dir, e.Name()), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// optionsOf are the options that suit the files of a scene.
func optionsOf(dir string) Options {
	o := Options{Dir: dir, Config: filepath.Join(dir, "postern.yaml"), Postconf: postconf.Program{Path: filepath.Join(dir, "no-postconf")}}
	for name, option := range map[string]*string{"postsrsd.default": &o.Defaults, "postsrsd.conf": &o.PostSRSd} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			*option = filepath.Join(dir, name)
		}
	}
	return o
}

// report is what a plan says, without its secrets and without the path of
// the scene.
func report(p *Plan, dir string) string {
	var b strings.Builder
	section := func(title string, lines ...string) {
		b.WriteString("== " + title + "\n")
		for _, line := range lines {
			b.WriteString(strings.TrimRight(line, "\n") + "\n")
		}
	}
	for _, f := range p.Files {
		content := string(f.Content)
		if f.Secret {
			content = "(secret)"
		}
		section(f.Path, content)
	}
	section("ready", p.Ready()...)
	section("switch", append(p.Switch(), p.Finish()...)...)
	section("back", append(p.WayBack(), p.StepsBack()...)...)
	section("notes", p.Notes...)
	for _, a := range p.Asks {
		var tables []string
		for _, cf := range a.tables {
			tables = append(tables, filepath.Base(cf.path))
		}
		section("ask", a.Map+" for "+a.Where+" as "+string(a.Search)+": "+strings.Join(tables, ", "))
	}
	return strings.ReplaceAll(b.String(), dir, "@DIR@")
}

var update = flag.Bool("update", false, "write the expected outputs anew")

func TestPlans(t *testing.T) {
	folders, err := filepath.Glob("testdata/plans/*")
	if err != nil || len(folders) < 5 {
		t.Fatalf("%d folders in testdata/plans: %v", len(folders), err)
	}
	for _, folder := range folders {
		name := filepath.Base(folder)
		t.Run(name, func(t *testing.T) {
			dir := scene(t, name)
			got := outcome(t, dir)
			want := filepath.Join(folder, "want")
			if *update {
				if err := os.WriteFile(want, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			text, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(text) {
				t.Errorf("%s: the plan is\n%s\nwant\n%s", name, got, text)
			}
		})
	}
}

// outcome is the report of a plan, or the error.
func outcome(t *testing.T, dir string) string {
	t.Helper()
	source, err := Read(t.Context(), optionsOf(dir))
	if err != nil {
		return strings.ReplaceAll("error: "+err.Error()+"\n", dir, "@DIR@")
	}
	reserved, _ := os.ReadFile(filepath.Join(dir, "reserved"))
	p, err := source.Plan(strings.Fields(string(reserved)))
	if err != nil {
		return strings.ReplaceAll("error: "+err.Error()+"\n", dir, "@DIR@")
	}
	return report(p, dir)
}

// What a table does not know is told once for each file.
func TestWarnings(t *testing.T) {
	dir := scene(t, "ispmail")
	cf := filepath.Join(dir, "mysql-email2email.cf")
	text, err := os.ReadFile(cf)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cf, append(text, "hostz = 127.0.0.1\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := Read(t.Context(), optionsOf(dir))
	if err != nil {
		t.Fatal(err)
	}
	if got := source.Warnings(); len(got) != 1 || !strings.HasPrefix(got[0], cf+":6: ") {
		t.Errorf("warnings %q", got)
	}
}
