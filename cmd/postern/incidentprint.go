package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"postern/internal/incident"
	"postern/internal/store"
)

// printIncident is what a person at the terminal needs now; the report has all.
func printIncident(w io.Writer, r *incident.Report) {
	does := map[bool][3]string{
		false: {"stopped", "held", "reached"},
		true:  {"would stop", "would hold", "reached"},
	}[r.DryRun]
	if r.DryRun {
		fmt.Fprintf(w, "%s %s: nothing is changed\n", r.Kind, printableText(r.Name))
	} else {
		fmt.Fprintf(w, "incident %s: %s %s\n", r.ID, r.Kind, printableText(r.Name))
	}
	for _, row := range r.Rows {
		fmt.Fprintf(w, "%s: %s\n", does[0], describeRow(row))
	}
	if r.Ban != nil {
		fmt.Fprintf(w, "%s: mail for %s, by a ban (#%d)\n", does[0], printableText(r.Ban.Target), r.Ban.ID)
	} else if r.DryRun && r.Kind == incident.Destination {
		fmt.Fprintf(w, "%s: mail for %s, by a ban\n", does[0], printableText(r.Name))
	}
	printHeld(w, does[1], r.Held)
	fmt.Fprintf(w, "%s: %s by the log of this host\n", does[2], count(len(r.Reached)+r.More, "recipient"))
	for _, note := range r.Notes {
		fmt.Fprintf(w, "note: %s\n", printableText(note))
	}
	if !r.DryRun {
		fmt.Fprintf(w, "report: %s\nundo: postern incident --undo %s\n", r.Report, r.ID)
	}
}

// fewMessages is how many a terminal shows.
const fewMessages = 10

func printHeld(w io.Writer, does string, held []incident.Message) {
	fmt.Fprintf(w, "%s: %s\n", does, count(len(held), "message"))
	for i, m := range held {
		if i == fewMessages {
			fmt.Fprintf(w, "  and %d more\n", len(held)-i)
			return
		}
		loose := ""
		if m.Loose {
			loose = ": left the queue before it could be held"
		}
		fmt.Fprintf(w, "  %s of %s from %s to %s%s\n", m.ID, minute(m.Arrived), cmp.Or(printableText(m.Sender), "<>"), count(len(m.Recipients)+m.More, "recipient"), loose)
	}
}

// describeRow is a row in a few words.
func describeRow(row store.SwitchRow) string {
	text := fmt.Sprintf("%s %s", row.Table, printableText(row.Key))
	if row.Value != "" {
		text += " → " + printableText(row.Value)
	}
	return text
}

// count is a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// printUndo tells what was restored.
func (f incidentFlags) printUndo(w io.Writer, s *incident.State) error {
	if f.asJSON {
		return encodeJSON(w, s)
	}
	for _, row := range s.Restored {
		fmt.Fprintf(w, "restored: %s\n", describeRow(row))
	}
	for _, row := range s.Kept {
		fmt.Fprintf(w, "left as it is: %s: %s\n", describeRow(row.SwitchRow), printableText(row.Why))
	}
	if s.Ban != nil && s.Undone != nil {
		fmt.Fprintf(w, "revoked: the ban of %s (#%d)\n", printableText(s.Ban.Target), s.Ban.ID)
	}
	fmt.Fprintf(w, "released: %s\n", count(len(s.Released), "message"))
	return nil
}

// printList lists the incidents of this host.
func (f incidentFlags) printList(w io.Writer, desk *incident.Desk) error {
	all, err := desk.List()
	if f.asJSON {
		return errors.Join(err, encodeJSON(w, all))
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range all {
		state := "open"
		switch {
		case s.Undone != nil:
			state = "undone " + minute(*s.Undone)
		case s.Stopped == nil:
			state = "not stopped yet"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d held\t%s\t%s\n", s.ID, s.Kind, printableText(s.Name), len(s.Held), state, printableText(s.Reason))
	}
	return errors.Join(err, t.Flush())
}
