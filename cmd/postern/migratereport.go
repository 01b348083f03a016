package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"postern/internal/migrate"
)

// printPlan prints the files and the lines of a migration. Secrets are not
// among them.
func printPlan(out io.Writer, plan *migrate.Plan) {
	for _, f := range plan.Files {
		fmt.Fprintf(out, "# ==== %s\n", f.Path)
		if f.Secret {
			fmt.Fprintln(out, "# (a secret, for the owner alone)")
			continue
		}
		fmt.Fprintln(out, strings.TrimRight(string(f.Content), "\n"))
	}
	fmt.Fprintln(out, "\n# ==== first, when the files above are there")
	printLines(out, plan.Ready())
	fmt.Fprintln(out, "\n# ==== the switch")
	for _, edit := range plan.Edits {
		for _, why := range edit.Why {
			fmt.Fprintf(out, "# %s: %s\n", strings.TrimPrefix(edit.Service+" "+edit.Name, " "), why)
		}
	}
	printLines(out, plan.Switch())
	printLines(out, plan.Finish())
	fmt.Fprintln(out, "\n# ==== the way back")
	printLines(out, plan.WayBack())
	printLines(out, plan.StepsBack())
}

func printLines(out io.Writer, lines []string) {
	for _, line := range lines {
		fmt.Fprintln(out, line)
	}
}

func printNotes(out io.Writer, lists ...[]string) {
	title := "\n# ==== notes\n"
	for _, list := range lists {
		for _, note := range list {
			fmt.Fprintf(out, "%s# %s\n", title, note)
			title = ""
		}
	}
}

// printComparison prints the differences, those without a known reason first.
func printComparison(out io.Writer, c migrate.Comparison) {
	fmt.Fprintf(out, "\n# ==== both sides were asked %d keys: %d answers differ, %d of them without a known reason\n", c.Asked, c.Different, c.Unexplained)
	if len(c.Differences) == 0 {
		return
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MAP\tKEY\tOLD\tNEW\tWHY")
	for _, d := range c.Differences {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", d.Map, printable(d.Key), printable(d.Old), printable(d.New), cmp.Or(d.Why, "?"))
	}
	w.Flush()
	if hidden := c.Different - len(c.Differences); hidden > 0 {
		fmt.Fprintf(out, "and %d more\n", hidden)
	}
}

// printable bounds and escapes what a row holds.
func printable(s string) string {
	return strings.Trim(fmt.Sprintf("%.80q", s), `"`)
}

// printWritten says what was kept and what is to be run now.
func printWritten(out io.Writer, backups []string, now ...string) {
	fmt.Fprintln(out, "\n# ==== written")
	for _, backup := range backups {
		fmt.Fprintf(out, "# kept: %s\n", backup)
	}
	fmt.Fprintln(out, "# now run:")
	printLines(out, now)
}
