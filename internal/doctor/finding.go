package doctor

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"postern/internal/oneline"
)

// Severity tells how much a finding matters.
type Severity string

// The severities. An error loses, misdirects, forges or relays mail, or stops
// it; a warning is a risk that waits for its day; a note is worth knowing, says
// what could not be looked at, or is a matter of taste.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// rank sorts the worst first.
func (s Severity) rank() int { return slices.Index([]Severity{Error, Warning, Note}, s) }

// Finding is one thing that is wrong, or that could not be looked at.
type Finding struct {
	Severity Severity `json:"severity"`
	Check    string   `json:"check"`  // its name in docs/check.md
	At       string   `json:"at"`     // FILE:LINE, a socket, a table
	Effect   string   `json:"effect"` // what it does to mail
	Fix      string   `json:"fix"`    // the command or the line that mends it
}

// String is the finding as a line.
func (f Finding) String() string {
	return fmt.Sprintf("%s: %s: %s. Fix: %s [%s]", f.Severity, f.At, f.Effect, f.Fix, f.Check)
}

// Sort puts the worst first, then by place.
func Sort(list []Finding) {
	slices.SortStableFunc(list, func(a, b Finding) int {
		return cmp.Or(a.Severity.rank()-b.Severity.rank(), comparePlaces(a.At, b.At), cmp.Compare(a.Check, b.Check), cmp.Compare(a.Effect, b.Effect))
	})
}

// Print writes a line for each finding.
func Print(out io.Writer, list []Finding) error {
	for _, f := range list {
		if _, err := fmt.Fprintln(out, f); err != nil {
			return err
		}
	}
	return nil
}

// PrintJSON writes an array of objects, [] if nothing was found.
func PrintJSON(out io.Writer, list []Finding) error {
	if list == nil {
		list = []Finding{}
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(list)
}

// Worst is the highest severity, "" of nothing.
func Worst(list []Finding) Severity {
	worst := Severity("")
	for _, f := range list {
		if worst == "" || f.Severity.rank() < worst.rank() {
			worst = f.Severity
		}
	}
	return worst
}

// findings collects what checks find; kinds says how bad each is.
type findings struct {
	kinds   map[string]Kind
	literal func(fix string) string // nil: as it is
	list    []Finding
}

// add takes down a finding of a kind of the catalogue.
func (f *findings) add(kind, at, fix, effect string, args ...any) {
	k, known := f.kinds[kind]
	if !known {
		panic("doctor: no kind of finding is named " + kind) // a mistake in this package, which its tests meet
	}
	if f.literal != nil {
		fix = f.literal(fix)
	}
	found := Finding{Severity: k.Severity, Check: kind, At: at, Effect: line(fmt.Sprintf(effect, args...)), Fix: line(fix)}
	if !slices.Contains(f.list, found) {
		f.list = append(f.list, found)
	}
}

// longest bounds a text of a finding, in bytes: it quotes files of others.
const longest = 600

// line makes a text fit for one line of a terminal.
func line(text string) string {
	if len(text) <= longest {
		return printable(text)
	}
	return printable(text[:longest]) + "…"
}

// printable takes out what a terminal would obey.
func printable(text string) string {
	var out []byte
	for len(text) > 0 { // in pieces, for Log cuts
		n := min(len(text), 100)
		out = append(out, oneline.Log(text[:n])...)
		text = text[n:]
	}
	return string(out)
}

// comparePlaces sorts FILE:LINE by number.
func comparePlaces(a, b string) int {
	fileA, lineA := splitPlace(a)
	fileB, lineB := splitPlace(b)
	return cmp.Or(cmp.Compare(fileA, fileB), cmp.Compare(lineA, lineB))
}
