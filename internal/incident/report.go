package incident

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"postern/internal/oneline"
	"postern/internal/statefile"
)

// writeReport replaces the report: JSON if its name ends so, else Markdown.
func (d *Desk) writeReport(r *Report) error {
	write := r.Markdown
	if strings.HasSuffix(r.Report, ".json") {
		write = r.JSON
	}
	if err := statefile.Replace(r.Report, 0o600, write); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// JSON writes a report for programs.
func (r *Report) JSON(w io.Writer) error {
	told := *r
	if told.Held == nil {
		told.Held = []Message{} // a program reads a list, of nothing too
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(&told)
}

// Markdown writes a report for people.
func (r *Report) Markdown(w io.Writer) error {
	p := &printer{w: w}
	p.line("# Incident %s: %s %s", r.ID, r.Kind, code(r.Name))
	p.line("")
	p.line("* host: %s", code(r.Host))
	p.line("* begun: %s", minute(r.Begun))
	if r.Reason != "" {
		p.line("* reason: %s", code(r.Reason))
	}
	p.line("* take it back: `postern incident --undo %s`", r.ID)
	for _, note := range r.Notes {
		p.line("* note: %s", code(note))
	}
	r.stopped(p)
	r.held(p)
	r.reached(p)
	return p.err
}

func (r *Report) stopped(p *printer) {
	p.line("\n## Stopped on every host\n")
	switch {
	case r.Stopped == nil:
		p.line("**Not yet**: the database did not take it. `postern incident --continue %s` tries again.", r.ID)
	case r.Ban != nil:
		p.line("%s: a ban of %s (#%d).", minute(*r.Stopped), code(r.Ban.Target), r.Ban.ID)
	case len(r.Rows) == 0:
		p.line("It was inactive already: nothing was changed.")
	default:
		p.line("%s: these rows are inactive now.\n", minute(*r.Stopped))
		p.line("| table | row | name | value |\n|---|---|---|---|")
		for _, row := range r.Rows {
			p.line("| %s | %d | %s | %s |", row.Table, row.ID, code(row.Key), code(row.Value))
		}
	}
}

func (r *Report) held(p *printer) {
	p.line("\n## Held in the queue of %s\n", code(r.Host))
	if len(r.Held) == 0 {
		p.line("No mail.")
		return
	}
	p.line("| queue ID | arrived | sender | recipients | |\n|---|---|---|---|---|")
	for _, m := range r.Held {
		to := make([]string, len(m.Recipients))
		for i, address := range m.Recipients {
			to[i] = code(address)
		}
		if m.More > 0 {
			to = append(to, fmt.Sprintf("and %d more", m.More))
		}
		loose := ""
		if m.Loose {
			loose = "left the queue before it could be held"
		}
		p.line("| %s | %s | %s | %s | %s |", m.ID, minute(m.Arrived), code(cmp.Or(m.Sender, "<>")), strings.Join(to, " "), loose)
	}
}

func (r *Report) reached(p *printer) {
	p.line("\n## Who was reached\n")
	if len(r.Logs) > 0 {
		p.line("By %s: %d lines, %d of them too long or no lines of a log.\n", code(strings.Join(r.Logs, ", ")), r.Lines.Lines, r.Lines.Odd+r.Lines.Long)
	}
	if len(r.Reached) == 0 {
		p.line("Nobody that the log knows of.")
		return
	}
	p.line("| time | recipient | by way of | server | queue ID |\n|---|---|---|---|---|")
	for _, one := range r.Reached {
		p.line("| %s | %s | %s | %s | %s |", minute(one.Time), code(one.To), code(one.OrigTo), code(one.Relay), one.ID)
	}
	if r.More > 0 {
		p.line("\nAnd %d more.", r.More)
	}
}

// printer keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// code is a text of strangers, in which nothing is Markdown.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + strings.NewReplacer("`", "'", "|", "¦").Replace(oneline.Log(text)) + "`"
}

// minute is a time as reports print it.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }
