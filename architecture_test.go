package postern_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// floors are the packages from the ground up; docs/architecture.md has the
// reasons. A package imports from lower floors only.
func floors() [][]string {
	return [][]string{
		{"internal/oneline"},
		{"postern", "internal/duration", "internal/status", "internal/lookup", "internal/maillog", "internal/nearest", "internal/password", "internal/redisserver", "internal/statefile", "srsd/srs"},
		{"internal/table", "internal/serve", "internal/daemon", "internal/turn", "internal/redial", "internal/keysearch", "internal/debian", "internal/supervise", "internal/watch", "internal/postconf", "internal/dkim", "internal/milter", "internal/site", "internal/statuspage", "internal/top", "srsd/envelope", "srsd/postsrsd", "policyd/counter"},
		{"internal/store", "internal/filemap", "internal/maps", "internal/twin", "socketmap", "tcptable", "srsd", "srsd/milter", "policyd"},
		{"internal/mysqltable", "internal/config", "internal/scratch", "internal/admin", "internal/incident", "policyd/bans", "policyd/fromguard", "policyd/greylist", "policyd/limit", "policyd/spf", "policyd/srsguard"},
		{"internal/scratch/scratchtest", "internal/scratch/trixie", "internal/demo", "internal/debian/install", "internal/site/configure", "internal/manual", "internal/doctor", "internal/migrate"},
		{"internal/scratch/machine", "internal/manual/write"},
		{"cmd/postern", "internal/bench"},
	}
}

// forTests are packages that only tests import.
func forTests(path string) bool {
	return strings.HasSuffix(path, "test") || path == "internal/dialog" || path == "internal/e2e" || path == "internal/stack"
}

// TestArrowsPointDown reads every import of the module.
func TestArrowsPointDown(t *testing.T) {
	floor := map[string]int{}
	for n, packages := range floors() {
		for _, p := range packages {
			floor[p] = n
		}
	}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "tools") {
			return err
		}
		from := filepath.Dir(file)
		if from == "." {
			from = "postern"
		}
		if forTests(from) {
			return nil
		}
		n, known := floor[from]
		if !known {
			t.Errorf("%s has no floor: add it to floors and to docs/architecture.md", from)
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			to, ours := strings.CutPrefix(path, "postern/")
			if path == "postern" {
				to, ours = "postern", true
			}
			if !ours {
				continue
			}
			if m, known := floor[to]; !known || m >= n {
				t.Errorf("%s: imports %s, which is not on a lower floor than %s", file, to, from)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
