//go:build integration

package e2e

import (
	"os"
	"strings"
	"testing"

	"postern/internal/scratch"
)

// TestSRSReadme runs Postfix with the lines of main.cf that postfix/README.md
// shows, and nothing changed in them but addresses and names.
func TestSRSReadme(t *testing.T) {
	text, err := os.ReadFile("../../postfix/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## SRS\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := fence.Split(section, -1)
	if !found || len(blocks) != 5 {
		t.Fatalf("postfix/README.md: want a section SRS with two blocks of main.cf, it has %d parts", len(blocks))
	}
	d := newNativeSRS(t, "database: {driver: sqlite, path: {dir}/postern.db}\n")
	makeSQLite(t, d.file("postern.db"), srsRows)
	d.begin(t)
	here := strings.NewReplacer("srs.example.org", srsDomain, `srs\.example\.org`, strings.ReplaceAll(srsDomain, ".", `\.`),
		"ops@example.net", "ops@dest.test", "socketmap:unix:postern/socketmap:", d.socketmap(""), "unix:postern/srs-milter", "inet:"+d.milter)
	lines := func(block string) map[string]string {
		main, err := scratch.ParseMain(here.Replace(block))
		if err != nil {
			t.Fatal(err)
		}
		return main
	}
	t.Run("maps", func(t *testing.T) {
		main := lines(blocks[1])
		h := startSRSHost(t, "", main)
		testCircle(t, h, srsWiring{forgery: "554 5.7.1"})
		for _, name := range []string{"sender_canonical_classes", "recipient_canonical_classes", "smtpd_relay_restrictions", "srs_bounces"} {
			if main[name] == "" {
				t.Errorf("postfix/README.md does not set %s", name)
			}
		}
	})
	t.Run("milter", func(t *testing.T) {
		main := lines(blocks[3])
		main["virtual_alias_domains"] = "fwd.test, kept.test"
		main["virtual_alias_maps"] = srsAliases + ", inline:{ {box@home.test=box@home.test} }"
		main["relay_domains"] += ", home.test"
		h := startSRSHost(t, "", main)
		testCircle(t, h, srsWiring{milter: true, walks: true, forgery: "its signature is wrong"})
	})
}
