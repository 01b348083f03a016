package postconf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzMain reads texts as main.cf and as master.cf: whatever they hold, all
// views of them can be taken, and each piece of a value has a place.
func FuzzMain(f *testing.F) {
	dirs, _ := filepath.Glob("testdata/dirs/*")
	for _, dir := range dirs {
		main, _ := os.ReadFile(filepath.Join(dir, "main.cf"))
		master, _ := os.ReadFile(filepath.Join(dir, "master.cf"))
		f.Add(string(main), string(master))
	}
	f.Add("x = ${x\ny = $$ ${{a}<{b}?{c}:{d}} $(y)\nz=pipemap:{{{a}}}", "a unix - - - - - b {")
	defaults := Builtin()
	f.Fuzz(func(t *testing.T, main, master string) {
		c := &Config{Dir: "/d", entries: map[string]Entry{}, defaults: defaults}
		lines, _ := logicalLines("/d/main.cf", []byte(main))
		services, _ := logicalLines("/d/master.cf", []byte(master))
		if c.parseMain(lines) != nil || c.parseMaster(services) != nil {
			return
		}
		for _, entry := range c.Main {
			s := c.View(nil).Get(entry.Name)
			if len(s.Value) > maxExpanded+len(s.Raw)+maxFile {
				t.Errorf("%q grows to %d bytes", entry.Name, len(s.Value))
			}
			for _, word := range s.Words() {
				if word.Place.File == "" || strings.Trim(word.Text, commasAndBlanks) == "" {
					t.Errorf("word %q of %q at %v", word.Text, entry.Name, word.Place)
				}
			}
			for _, table := range s.Tables() {
				table.Inline()
				table.Socketmap()
			}
		}
		for _, l := range c.Lookups() {
			l.Chrooted()
		}
		for _, s := range c.Master {
			for _, list := range RestrictionLists() {
				c.View(s).Restrictions(list)
			}
		}
		c.Unknown()
		c.Duplicates()
		c.OtherInstances()
	})
}

// FuzzExpand expands a text on its own.
func FuzzExpand(f *testing.F) {
	for _, text := range []string{"$a", "${a?b:c}", "${{x}=={y}?{z}:{w}}", "$$", "${a:${b:c}}", "$(a{b)}", "${{$a} <level {3.6}}"} {
		f.Add(text)
	}
	dir := f.TempDir()
	for name, text := range map[string]string{"main.cf": "a = $b\nb = value\n", "master.cf": smtpd} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	c, err := Open(dir, Builtin())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := c.View(nil).Expand(text)
		if !strings.Contains(text, "$") && (got != text || err != nil) {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	})
}
