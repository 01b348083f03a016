package main

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// anchors are what #links into a document can name: its headings, as every
// renderer of Markdown with anchors names them.
func anchors(d document) map[string]bool {
	found := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#{1,6} +(.+)$`).FindAllStringSubmatch(d.prose, -1) {
		name := anchor(m[1])
		for n := 1; found[name]; n++ {
			name = fmt.Sprintf("%s-%d", anchor(m[1]), n)
		}
		found[name] = true
	}
	return found
}

// anchor is the name of a heading: lower case, spaces as hyphens, and of the
// rest letters, digits, hyphens and underscores.
func anchor(heading string) string {
	heading = regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`).ReplaceAllString(heading, "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(heading))
}

// links are the targets of the links and images of a document.
func links(d document) []string {
	text := regexp.MustCompile("(?s)``.+?``|`[^`]+`").ReplaceAllString(d.prose, "code")
	var found []string
	for _, m := range regexp.MustCompile(`\]\(([^()\s]*(?:\([^()\s]*\))?[^()\s]*)[^)]*\)`).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	for _, m := range regexp.MustCompile(`(?m)^\[[^]]+\]: +(\S+)|<(https?://[^>]+)>`).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1]+m[2])
	}
	return found
}

// hosts are those that documents may link to: where standards and the
// programs around postern are described.
func hosts() []string {
	return []string{
		"www.rfc-editor.org", "www.postfix.org", "keepachangelog.com", "semver.org", "prometheus.io", "mariadb.com", "doc.dovecot.org", "www.freedesktop.org",
		"github.com/roehling/postsrsd", "github.com/prometheus/exporter-toolkit", "spec.commonmark.org",
	}
}

// TestLinks: every relative link leads to a file of the repository, every
// #name to a heading, and the others to the few hosts that documents need.
func TestLinks(t *testing.T) {
	all := documents(t)
	headings := map[string]map[string]bool{}
	for _, d := range all {
		headings[d.path] = anchors(d)
	}
	n := 0
	for _, d := range all {
		for _, link := range links(d) {
			n++
			if err := checkLink(d.path, link, headings); err != nil {
				t.Errorf("%s: link %s: %v", d.path, link, err)
			}
		}
	}
	if n < 60 {
		t.Errorf("only %d links found", n)
	}
}

func checkLink(from, link string, headings map[string]map[string]bool) error {
	u, err := url.Parse(link)
	if err != nil {
		return err
	}
	if u.Scheme != "" || u.Host != "" {
		if u.Scheme != "https" || !slices.ContainsFunc(hosts(), func(h string) bool { return strings.HasPrefix(u.Host+u.Path+"/", h+"/") }) {
			return fmt.Errorf("documents link to no such host")
		}
		return nil
	}
	target := from
	if u.Path != "" {
		target = filepath.Join(filepath.Dir(from), u.Path)
	}
	if _, err := os.Stat(filepath.Join(repository, target)); err != nil || strings.HasPrefix(target, "..") {
		return fmt.Errorf("there is no %s", target)
	}
	if u.Fragment == "" {
		return nil
	}
	if !headings[target][u.Fragment] {
		names := slices.Sorted(maps.Keys(headings[target]))
		return fmt.Errorf("%s has no heading of that name; it has %s", target, strings.Join(names, ", "))
	}
	return nil
}

// TestCheckLink: what leads nowhere is said to.
func TestCheckLink(t *testing.T) {
	headings := map[string]map[string]bool{"docs/srs.md": {"wiring": true}}
	for link, right := range map[string]bool{
		"srs.md": true, "srs.md#wiring": true, "srs.md#nothing": false, "none.md": false, "../README.md": true, "../../README.md": false,
		"https://www.postfix.org/postconf.5.html": true, "https://example.org/": false, "http://www.postfix.org/": false,
	} {
		if err := checkLink("docs/srs.md", link, headings); (err == nil) != right {
			t.Errorf("%s: %v", link, err)
		}
	}
	if got := anchor("What to do when … `postmap -q` says nothing?"); got != "what-to-do-when--postmap--q-says-nothing" {
		t.Errorf("anchor %q", got)
	}
}

// TestOrphans: every document can be reached from README.md by links.
func TestOrphans(t *testing.T) {
	all := map[string]document{}
	for _, d := range documents(t) {
		all[d.path] = d
	}
	reached := map[string]bool{"README.md": true}
	for todo := []string{"README.md"}; len(todo) > 0; {
		d := all[todo[0]]
		todo = todo[1:]
		for _, link := range links(d) {
			path, _, _ := strings.Cut(link, "#")
			target := filepath.Join(filepath.Dir(d.path), path)
			if _, exists := all[target]; exists && !reached[target] {
				reached[target] = true
				todo = append(todo, target)
			}
		}
	}
	for path := range all {
		if !reached[path] {
			t.Errorf("%s: no link leads there from README.md", path)
		}
	}
}
