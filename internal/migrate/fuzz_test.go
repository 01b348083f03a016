package migrate

import (
	"strings"
	"testing"
)

// FuzzPieces cuts values of main.cf: pieces follow one another, hold no
// separator, and nothing but separators stands between them.
func FuzzPieces(f *testing.F) {
	for _, raw := range []string{"mysql:/a.cf, mysql:/b.cf", "pipemap:{mysql:/a.cf,{hash:/b}}", "${a}x $(b", "check_policy_service { unix:x, y=z }", "${", "$"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		at := 0
		for _, piece := range pieces(raw) {
			if piece[0] < at || piece[1] <= piece[0] || piece[1] > len(raw) {
				t.Fatalf("pieces of %q: %v", raw, pieces(raw))
			}
			if between := strings.Trim(raw[at:piece[0]], ", \t\r\n{}"); between != "" {
				t.Errorf("%q stands between the pieces of %q", between, raw)
			}
			if text := raw[piece[0]:piece[1]]; !strings.Contains(text, "$") && strings.ContainsAny(text, ", \t\r\n{}") {
				t.Errorf("piece %q of %q", text, raw)
			}
			at = piece[1]
		}
		if rest := strings.Trim(raw[at:], ", \t\r\n{}"); rest != "" {
			t.Errorf("%q follows the pieces of %q", rest, raw)
		}
	})
}

// FuzzRecognise takes any query.
func FuzzRecognise(f *testing.F) {
	f.Add("SELECT goto FROM alias WHERE address='%s' AND active=1 LIMIT 1;")
	f.Fuzz(func(t *testing.T, query string) {
		name := recognise(map[string]string{"query": query})
		if name != "" && !strings.Contains(strings.ToLower(query), "select") {
			t.Errorf("%q is %s", query, name)
		}
	})
}
