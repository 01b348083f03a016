package top

import (
	"cmp"
	"strings"
	"time"
)

// latest are the last decisions, a line each, from the one that is scrolled to.
func (a artist) latest() section {
	g := grid{ascii: a.ASCII, columns: []column{
		{title: "AT"}, {title: "ACTION", flex: true}, {title: "BY", flex: true, drop: 1},
		{title: "CLIENT", flex: true, drop: 4}, {title: "SENDER", flex: true, drop: 3}, {title: "RECIPIENT", flex: true, drop: 2},
		{title: "REASON", flex: true, drop: 5},
	}}
	from := min(max(0, a.Offset), max(0, len(a.decisions)-1))
	for _, d := range a.decisions[from:] {
		g.rows = append(g.rows, []Span{
			a.at(d.At), a.action(d), {a.by(d), Plain}, a.text(d.Client), a.text(d.Sender), a.text(d.Recipient), a.text(d.Reason),
		})
	}
	s := a.table(g, rankLatest, 2)
	s.rests = true
	return s
}

// decisionsInFull has two lines for each: what was decided about whom, and why.
func (a artist) decisionsInFull() []Line {
	if len(a.decisions) == 0 {
		return []Line{{{"no decision yet that was more than DUNNO", Dim}}}
	}
	var lines []Line
	for _, d := range a.decisions {
		about := []string{d.Client, d.Login, cmp.Or(d.Sender, "<>") + " to " + cmp.Or(d.Recipient, "?")}
		why := []string{d.Reason, label("queue id ", d.QueueID), label("id ", d.ID)}
		lines = append(lines,
			Line{a.at(d.At), {"  ", Plain}, a.action(d), {"  " + a.by(d) + "  ", Plain}, a.text(joined(about))},
			Line{{strings.Repeat(" ", 10), Plain}, {clean(joined(why), a.ASCII), Dim}})
	}
	return lines
}

func label(name, text string) string {
	if text == "" {
		return ""
	}
	return name + text
}

// joined puts the texts that there are into one, two blanks apart.
func joined(texts []string) string {
	var kept []string
	for _, t := range texts {
		if t != "" {
			kept = append(kept, t)
		}
	}
	return strings.Join(kept, "  ")
}

func (a artist) text(s string) Span { return Span{clean(s, a.ASCII), Plain} }

// at is a time of today, or a day.
func (a artist) at(t time.Time) Span {
	t = t.In(a.Now.Location())
	if y, d := t.Year(), t.YearDay(); y == a.Now.Year() && d == a.Now.YearDay() {
		return Span{t.Format(time.TimeOnly), Dim}
	}
	return Span{t.Format("Jan _2  "), Dim}
}

// by is the check and the rule that decided.
func (a artist) by(d decision) string {
	return clean(joined([]string{d.Check, d.Rule}), a.ASCII)
}

// action is what was answered, or would be.
func (a artist) action(d decision) Span {
	text := clean(d.Action, a.ASCII)
	switch {
	case d.Mode == "shadow":
		return Span{"(" + text + ")", Dim}
	case d.Refuses():
		return Span{text, Bad}
	case d.Delays():
		return Span{text, Poor}
	}
	return Span{text, Plain}
}
