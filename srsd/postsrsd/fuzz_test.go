package postsrsd

import (
	"bytes"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
)

// seeds adds the fixtures of folders of testdata.
func seeds(f *testing.F, folder, ending string) {
	for _, kind := range []string{"good", "bad"} {
		entries, err := os.ReadDir("testdata/" + folder + "/" + kind)
		if err != nil {
			f.Fatal(err)
		}
		for _, entry := range entries {
			if !strings.HasSuffix(entry.Name(), ending) {
				continue
			}
			text, err := os.ReadFile("testdata/" + folder + "/" + kind + "/" + entry.Name())
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
}

// inFile checks that an error is about a line of the text, and is no flood.
func inFile(t *testing.T, err error, text []byte) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.File != "f" || e.Line < 0 || e.Line > 1+bytes.Count(text, []byte("\n")) {
		t.Errorf("no place in the file: %#v", err)
	}
	if len(err.Error()) > 3000 || strings.ContainsAny(err.Error(), "\n\x00") {
		t.Errorf("no message for a log: %q", err)
	}
}

// inFileWarnings checks that warnings are no flood either.
func inFileWarnings(t *testing.T, warnings []string) {
	t.Helper()
	for _, w := range warnings {
		if len(w) > 3000 || strings.ContainsAny(w, "\n\x00") {
			t.Errorf("no message for a log: %q", w)
		}
	}
}

// FuzzParseConf: what is accepted says the same when it is written again.
func FuzzParseConf(f *testing.F) {
	seeds(f, "conf", ".conf")
	getenv := func(name string) (string, bool) { return "${value} of \"" + name + "'", name != "" }
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConf("f", text, getenv)
		if err != nil {
			inFile(t, err, text)
			return
		}
		inFileWarnings(t, c.Warnings)
		written := canonical(c)
		again, err := ParseConf("f", []byte(written), getenv)
		if err != nil {
			t.Fatalf("%v in\n%s", err, written)
		}
		if rewritten := canonical(again); rewritten != written {
			t.Errorf("from\n%s\nto\n%s", written, rewritten)
		}
		if got, want := again.Local.Names(), c.Local.Names(); !reflect.DeepEqual(got, want) {
			t.Errorf("local domains from %q to %q", want, got)
		}
	})
}

// FuzzParseDefaults: what is accepted says the same when it is written again.
func FuzzParseDefaults(f *testing.F) {
	seeds(f, "defaults", ".defaults")
	environ := []string{"HOST=a b'\"$c"}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := ParseDefaults("f", text, environ, postfixSays("asked.example", nil))
		if err != nil {
			inFile(t, err, bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
			return
		}
		inFileWarnings(t, d.Warnings)
		written := canonicalDefaults(d)
		again, err := ParseDefaults("f", []byte(written), environ, nil)
		if err != nil {
			t.Fatalf("%v in\n%s", err, written)
		}
		if rewritten := canonicalDefaults(again); rewritten != written {
			t.Errorf("from\n%s\nto\n%s", written, rewritten)
		}
		if got, want := again.Exclude.Names(), d.Exclude.Names(); !reflect.DeepEqual(got, want) {
			t.Errorf("excluded domains from %q to %q", want, got)
		}
	})
}

// FuzzDomainsFile: what is accepted is a domain, on a line of the file.
func FuzzDomainsFile(f *testing.F) {
	f.Add([]byte("a.example # comment\n\n\t.b.example\r\nc.example"))
	f.Add([]byte("\xff\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, err := parseDomains("f", text)
		if err != nil {
			inFile(t, err, text)
		}
		rows := strings.Split(string(text), "\n")
		for _, e := range entries {
			if CheckDomain(e.name) != nil || !strings.Contains(rows[e.line-1], e.name) {
				t.Errorf("%q on line %d", e.name, e.line)
			}
		}
	})
}
