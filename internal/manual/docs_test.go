package manual

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEverySettingIsInTheDocuments: docs/configuration.md, or the document of
// its block, names each key.
func TestEverySettingIsInTheDocuments(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	var all strings.Builder
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("([a-z0-9_]+)(?::|`)").FindAllStringSubmatch(all.String(), -1) {
		named[m[1]] = true
	}
	Walk(settings(t), func(s Setting) {
		if !named[s.Key] {
			t.Errorf("%s is in none of docs/*.md", s.Path)
		}
	})
}

// TestConfigurationDocument: the values in docs/configuration.md that are no
// examples are those of the code.
func TestConfigurationDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range settings(t) {
		if s.Form != Block || s.Key == "twin" {
			continue
		}
		for _, one := range s.Settings {
			if one.Form != Value || one.Default == nil {
				continue
			}
			line := regexp.MustCompile(`(?m)^  (?:# )?` + one.Key + `: *([^#\n]*?) *(?:#.*)?$`).FindSubmatch(block(text, s.Key))
			if line == nil {
				t.Errorf("docs/configuration.md does not show %s: %s", one.Path, one.Default[0])
			} else if got := string(line[1]); got != one.Default[0] && !strings.Contains(string(line[0]), "# example") {
				t.Errorf("docs/configuration.md has %s: %s, the default is %s", one.Path, got, one.Default[0])
			}
		}
	}
}

// block is the text of a top-level block of a document.
func block(text []byte, key string) []byte {
	return regexp.MustCompile(`(?m)^` + key + `:.*\n(?:^ .*\n)*`).Find(text)
}
