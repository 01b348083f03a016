package manual

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// settingsPage is postern.yaml(5) of a fixed day.
func settingsPage(t *testing.T) string {
	t.Helper()
	given, err := os.ReadFile(base)
	if err != nil {
		t.Fatal(err)
	}
	page, err := SettingsPage(configSource, given, time.Unix(1700000000, 0).UTC())
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// TestEverySettingIsOnThePage: with its text, below the heading of its block.
func TestEverySettingIsOnThePage(t *testing.T) {
	page := settingsPage(t)
	joined := strings.Join(strings.Fields(page), " ")
	Walk(settings(t), func(s Setting) {
		if s.Shared && !strings.HasPrefix(s.Path, "policyd.srs.") {
			if !regexp.MustCompile(`\\fB(?:[a-z, ]* )?` + s.Key + `(?:,[a-z, ]*)?\\fR\nAs in policyd\.srs\.`).MatchString(page) {
				t.Errorf("%s is not among what is as in policyd.srs", s.Path)
			}
			return
		}
		if text := strings.Join(strings.Fields(escaped(s.Doc)), " "); !strings.Contains(joined, text) {
			t.Errorf("%s: its text is not on the page: %s", s.Path, text)
		}
		term := `\fB` + literal(s.Key) + `\fR (`
		if s.Form == Block || s.Settings != nil {
			term = literal(s.Path)
			if !strings.Contains(s.Path, ".") {
				term = "BLOCK " + strings.ToUpper(s.Key)
			}
		}
		if !strings.Contains(page, term) && !strings.Contains(page, s.Path) {
			t.Errorf("%s is not on the page", s.Path)
		}
	})
}

func TestDate(t *testing.T) {
	if d, err := Date("1700000000"); err != nil || d.Format(time.DateOnly) != "2023-11-14" {
		t.Errorf("%v, %v", d, err)
	}
	if _, err := Date("yesterday"); err == nil {
		t.Error("yesterday is no number")
	}
	if d, err := Date(""); err != nil || time.Since(d) > time.Hour {
		t.Errorf("without a date it is %v, %v", d, err)
	}
}

// TestEscapes: nothing that is printed becomes a request of roff.
func TestEscapes(t *testing.T) {
	p := newPage("a-b", 8, time.Unix(0, 0).UTC())
	p.section("NAME")
	p.prose(".so /etc/passwd")
	p.prose(`'ab \fB → x`)
	p.verbatim("  --a 'b'\n.c")
	want := `.TH A-B 8 1970-01-01 postern postern
.SH "NAME"
\&.so /etc/passwd
\&'ab \efB \(-> x
.RS 4
.nf
  \-\-a \(aqb\(aq
\&.c
.fi
.RE
`
	if got := p.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestCommandPage shows the parts of a page.
func TestCommandPage(t *testing.T) {
	root := &cobra.Command{Use: "postern", Short: "All", Long: "All.", Example: "  postern ask x"}
	ask := &cobra.Command{
		Use: "ask [--as NAME] KEY", Short: "Ask for a key",
		Long:    "Ask for a key. Exit status 0: found; 1: not\nfound. It is\nquick.\n\nMore.",
		Example: "  postern ask x\n  postern ask y", Run: func(*cobra.Command, []string) {},
	}
	ask.Flags().StringP("as", "a", "me", "ask as `name`")
	ask.Flags().String("metrics", "off", "without --defaults: `where`")
	SetEnvironment(ask, "WHO, WHERE: Who asks.\nWHEN: And when.\n")
	hidden := &cobra.Command{Use: "hidden", Hidden: true, Run: func(*cobra.Command, []string) {}}
	root.AddCommand(ask, hidden)
	if got := len(Commands(root)); got != 2 {
		t.Fatalf("%d commands, want 2", got)
	}
	page := string(CommandPage(ask, time.Unix(0, 0).UTC()))
	for _, want := range []string{
		`postern\-ask \- ask for a key`, `\fBpostern ask\fR [OPTION]... [\-\-as NAME] KEY`, "Default: off.\n", "Ask for a key. It is quick.\n", "Exit status 0: found; 1: not found.\n",
		".SH \"ENVIRONMENT\"\n.TP\n\\fBWHO, WHERE\\fR\nWho asks.\n.TP\n\\fBWHEN\\fR\nAnd when.\n",
		`\fB\-a, \-\-as NAME\fR` + "\nAsk as name. Default: me.\n", "postern ask x\npostern ask y\n", ".BR postern (8),\n.BR postern.yaml (5)\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
	if strings.Contains(string(CommandPage(root, time.Unix(0, 0))), "hidden") {
		t.Error("a hidden command is listed")
	}
}
