//go:build integration

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"
)

// srsRequests is how many requests each table is asked per set of options.
const srsRequests = 2000

// TestBesidePostSRSd1 runs postern with PostSRSd's own configuration beside
// Debian's PostSRSd 1.10: to whatever comes over the wire they reply the same,
// byte for byte, and each turns back what the other has rewritten.
func TestBesidePostSRSd1(t *testing.T) {
	for i, c := range []struct{ name, settings, secrets string }{
		{"defaults", "", "tops3cr3t\n"},
		{"as Debian installs it", "SRS_SEPARATOR==\nSRS_HASHLENGTH=4\nSRS_HASHMIN=4\nRUN_AS=postsrsd\nCHROOT=/var/lib/postsrsd\n", "tops3cr3t\n"},
		{"separator +", "SRS_SEPARATOR=+\n", "tops3cr3t\n"},
		{"separator -", "SRS_SEPARATOR=-\n", "tops3cr3t\n"},
		{"hashes of 8", "SRS_HASHLENGTH=8\nSRS_HASHMIN=8\n", "tops3cr3t\n"},
		{"hashes of 20, separator -", "SRS_SEPARATOR=-\nSRS_HASHLENGTH=20\n", "tops3cr3t\n"},
		{"hashes of 8, at least 4", "SRS_HASHLENGTH=8\nSRS_HASHMIN=4\n", "tops3cr3t\n"},
		{"hashes of 5, at least 2", "SRS_HASHLENGTH=5\nSRS_HASHMIN=2\n", "tops3cr3t\n"},
		{"excludes", "SRS_EXCLUDE_DOMAINS=excluded.example,.under.example\n", "tops3cr3t\n"},
		{"more excludes", "SRS_EXCLUDE_DOMAINS='.excluded.example; under.example\texample.net'\n", "tops3cr3t\n"},
		{"always", "SRS_EXTRA_OPTIONS=-A\n", "tops3cr3t\n"},
		{"always, excludes, separator +", "SRS_EXTRA_OPTIONS='-A -a+'\nSRS_SEPARATOR=+\nSRS_EXCLUDE_DOMAINS=.example.com\n", "tops3cr3t\n"},
		{"two secrets", "", "newsecret\ntops3cr3t\n"},
		{"odd secrets", "SRS_EXTRA_OPTIONS='-A'\nSRS_HASHLENGTH=8\n", "\r\n  spaced secret \r\n\ntops3cr3t\n" + strings.Repeat("long", 300)},
	} {
		t.Run(c.name, func(t *testing.T) {
			original, ours := startSRSTwins(t, c.settings, c.secrets)
			corpus := srsCorpus{Rand: rand.New(rand.NewPCG(1, uint64(i))), secrets: corpusSecrets(c.secrets)}
			t.Run("forward", func(t *testing.T) { sameReplies(t, corpus, original.forward, ours.forward) })
			t.Run("reverse", func(t *testing.T) { sameReplies(t, corpus, original.reverse, ours.reverse) })
			t.Run("there and back", func(t *testing.T) { thereAndBack(t, corpus, original, ours) })
		})
	}
}

// TestBesidePostSRSd1FromTheEnvironment is postsrsd -e.
func TestBesidePostSRSd1FromTheEnvironment(t *testing.T) {
	settings := []string{"SRS_SEPARATOR=+", "SRS_HASHLENGTH=6", "SRS_HASHMIN=5", "SRS_EXCLUDE_DOMAINS=excluded.example .under.example"}
	original, ours := startSRSTwinsByEnvironment(t, settings, "tops3cr3t\n")
	corpus := srsCorpus{Rand: rand.New(rand.NewPCG(2, 0)), secrets: []string{"tops3cr3t"}}
	t.Run("forward", func(t *testing.T) { sameReplies(t, corpus, original.forward, ours.forward) })
	t.Run("reverse", func(t *testing.T) { sameReplies(t, corpus, original.reverse, ours.reverse) })
}

func corpusSecrets(file string) []string {
	return strings.FieldsFunc(file, func(r rune) bool { return r == '\r' || r == '\n' })
}

// sameReplies asks both tables the same.
func sameReplies(t *testing.T, corpus srsCorpus, original, ours *rawTable) {
	found := map[string]int{}
	for range srsRequests {
		reply, same := askBoth(t, original, ours, corpus.request(corpus.key()))
		if found[reply[:3]]++; !same {
			found["different"]++
		}
		if found["different"] >= 10 {
			t.Fatal("too many differences")
		}
	}
	for _, n := range []int{985, 986, 990, 998, 999, 1000, 1010, 1016, 1017, 1018, 1019, 1020, 1023, 1024, 1100} {
		for _, filling := range []string{"k", "\xff", "%fF"} {
			askBoth(t, original, ours, "get "+strings.Repeat(filling, n/len(filling))+"@example.net\n")
			askBoth(t, original, ours, "get "+strings.Repeat(filling, n/len(filling))+"@example.com\n")
			askBoth(t, original, ours, "get "+strings.Repeat(filling, n/len(filling))+"\n")
		}
	}
	if found["200"] < srsRequests/50 || found["500"] < srsRequests/50 {
		t.Errorf("the corpus is one-sided: %v", found)
	}
}

// askBoth gives the reply of the original and whether ours was the same. A
// difference on a day that has just begun is asked for again: one of them may
// have been asked the day before.
func askBoth(t *testing.T, original, ours *rawTable, request string) (reply string, same bool) {
	t.Helper()
	for {
		day := today()
		want, got := original.ask(t, request), ours.ask(t, request)
		switch {
		case got == want || isKnown(t, original, request, want, got):
			return want, true
		case today() == day:
			t.Errorf("%s:\n original %s\n ours     %s", inShort(request), inShort(want), inShort(got))
			return want, false
		}
	}
}

// inShort is a text for the eyes.
func inShort(s string) string {
	if len(s) <= 300 {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q…%q (%d bytes)", s[:100], s[len(s)-100:], len(s))
}

func today() int64 { return time.Now().Unix() / 86400 }

// thereAndBack rewrites on either side and turns back on the other.
func thereAndBack(t *testing.T, corpus srsCorpus, original, ours srsTables) {
	for range srsRequests / 10 {
		address := corpus.ordinary()
		for _, way := range []struct {
			name      string
			out, home *rawTable
		}{
			{"postern turns back", original.forward, ours.reverse},
			{"PostSRSd turns back", ours.forward, original.reverse},
		} {
			there := value(way.out.ask(t, get(address)))
			if there == "" { // excluded
				continue
			}
			if back := value(way.home.ask(t, get(there))); back != address {
				t.Fatalf("%s %q as %q, not as %q", way.name, there, back, address)
			}
			// On from a third host, which makes an SRS1 address of it: here of the
			// other's, which comes back as it was.
			local, _, _ := strings.Cut(there, "@")
			askBoth(t, original.forward, ours.forward, get(local+"@third.example"))
			chained := value(way.out.ask(t, get("SRS0=XjO9=2V=example.org="+address)))
			if back := value(way.home.ask(t, get(chained))); !strings.HasPrefix(back, "SRS0=XjO9=2V=example.org=") {
				t.Fatalf("%s %q as %q", way.name, chained, back)
			}
		}
	}
}

// get is a request as Postfix sends it.
func get(key string) string {
	return "get " + quoteKey(key, func(b byte) bool { return b > ' ' && b < 0x7f }) + "\n"
}

// value is that of a 200, and else empty.
func value(reply string) string {
	quoted, found := strings.CutPrefix(strings.TrimSuffix(reply, "\n"), "200 ")
	if !found {
		return ""
	}
	text, err := url.PathUnescape(quoted)
	if err != nil {
		return fmt.Sprintf("(%v)", err)
	}
	return text
}
