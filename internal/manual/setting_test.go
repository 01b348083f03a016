package manual

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"postern/internal/config"
)

const configSource = "../config"

// settings are those of postern.yaml.
func settings(t *testing.T) []Setting {
	t.Helper()
	all, err := Settings(configSource)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestEverySettingHasItsText: every key of the structs has a text, a form that
// can be written, and a value to show.
func TestEverySettingHasItsText(t *testing.T) {
	count := 0
	Walk(settings(t), func(s Setting) {
		count++
		if !strings.HasSuffix(s.Doc, ".") {
			t.Errorf("%s: %q is no sentence", s.Path, s.Doc)
		}
		if s.Form == Value && s.Kind == "" {
			t.Errorf("%s has a type without a name", s.Path)
		}
		if s.Form == Value && s.Kind == "number" && s.Default == nil {
			t.Errorf("%s: a number needs its default", s.Path)
		}
		if s.Form == Value && s.Required && s.Example == nil {
			t.Errorf("%s: what is required needs an example", s.Path)
		}
	})
	if want := keys(reflect.TypeFor[config.Config]()); count != want {
		t.Errorf("%d settings, but the structs have %d keys", count, want)
	}
}

// keys counts the yaml keys of a type and of the types in it.
func keys(t reflect.Type) (n int) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return keys(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			tag, has := f.Tag.Lookup("yaml")
			if has && !strings.HasSuffix(tag, ",inline") {
				n++
			}
			if has {
				n += keys(f.Type)
			}
		}
	}
	return n
}

func TestComment(t *testing.T) {
	for _, c := range []struct {
		name, text, problem string
		want                Setting
	}{
		{"prose", "One\ntwo.", "", Setting{Doc: "One two."}},
		{"default", "One.\nDefault: \"=\"", "", Setting{Doc: "One.", Default: []string{`"="`}, Stated: true}},
		{"examples", "Required. One.\nExample: a: 1\nExample: b: 2", "", Setting{Doc: "One.", Required: true, Example: []string{"a: 1", "b: 2"}}},
		{"nothing", "", "no comment", Setting{}},
		{"a value alone", "Default: 5", "no comment", Setting{}},
		{"both", "One.\nDefault: 5\nExample: 6", "keep one", Setting{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got Setting
			err := got.comment(c.text)
			if c.problem != "" {
				if err == nil || !strings.Contains(err.Error(), c.problem) {
					t.Fatalf("got %v, want %q", err, c.problem)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

// TestUndocumented: a field without a comment, and a comment that contradicts
// the code, are errors.
func TestUndocumented(t *testing.T) {
	s := &source{fields: map[string]string{"Cache.TTL": "How long.\nDefault: 5s"}}
	_, errs := s.block(reflect.ValueOf(config.Defaults().Cache), "cache.")
	var text strings.Builder
	for _, err := range errs {
		text.WriteString(err.Error() + "\n")
	}
	for _, want := range []string{"config.Cache.Entries: it has no comment", "config.Cache.TTL: the default is 60s: its comment names another value"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, &text)
		}
	}
}

func TestNoSource(t *testing.T) {
	dir := t.TempDir()
	if _, err := Settings(dir); err == nil || !strings.Contains(err.Error(), "source tree") {
		t.Errorf("an empty folder: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.go"), []byte("package"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Settings(dir); err == nil {
		t.Error("broken Go was accepted")
	}
}

func TestValues(t *testing.T) {
	for want, v := range map[string]any{
		"60s": config.Duration(time.Minute), "500ms": config.Duration(500 * time.Millisecond), "90s": config.Duration(90 * time.Second),
		"5m": config.Duration(5 * time.Minute), "1h": config.Duration(time.Hour), "36d": config.Duration(36 * 24 * time.Hour),
		"512MiB": config.Size(512 << 20), "1GiB": config.Size(1 << 30), "1000B": config.Size(1000),
		"20%": config.Percent(20), "7": 7, "": config.Duration(0), `"+"`: "+", "mysql": "mysql", `["null", a]`: []string{"null", "a"},
	} {
		if got := written(reflect.ValueOf(v)); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
}

// TestQuoted: what is written comes back as the text that it was.
func TestQuoted(t *testing.T) {
	for _, s := range []string{"mysql", "off", "No", "null", "=", "+", "-", "", "1", "1e3", "0x10", "127.0.0.1:3306", "inet:127.0.0.1:25",
		"@example.org", "a b", "a: b", "!192.0.2.0/24", "it's", `a"b`, "#x", "2030-01-01", "~", "null.example"} {
		var back []string
		if err := yaml.Unmarshal([]byte(flow([]string{s})), &back); err != nil || len(back) != 1 || back[0] != s {
			t.Errorf("%q is written %s and read %q, %v", s, flow([]string{s}), back, err)
		}
	}
}
