package top

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/rivo/uniseg"

	"postern/internal/oneline"
)

// Page is what the user looks at.
type Page int

// The pages, in the order of the keys 1 to 4.
const (
	Overview Page = iota
	LookupsPage
	DecisionsPage
	SystemPage
	pages
)

func (p Page) name() string {
	return [...]string{"overview", "lookups", "decisions", "system"}[p]
}

// View is how the user looks at what is known.
type View struct {
	Page     Page
	Offset   int // lines, or decisions, that are scrolled past
	Paused   bool
	Help     bool
	Interval time.Duration // of the questions; 0: a single picture
	Now      time.Time     // in the time zone that times are shown in
	ASCII    bool          // the locale is not UTF-8
}

// twoColumns is from which width on the overview has two.
const twoColumns = 130

// artist makes one picture.
type artist struct {
	*Model
	View
	width int
}

// Picture shows what is known in a number of cells and lines; with a height of
// 0 it has as many lines as it needs. No line is wider, and there are no more.
func (m *Model) Picture(v View, width, height int) []Line {
	a := artist{m, v, max(1, width)}
	lines := a.head()
	foot := v.Interval > 0 && height >= 8
	left := height - len(lines)
	if foot {
		left--
	}
	body := a.body(left, height <= 0)
	if height > 0 {
		body = body[:min(len(body), max(0, left))]
	}
	lines = append(lines, body...)
	if foot {
		for len(lines) < height-1 {
			lines = append(lines, nil)
		}
		lines = append(lines, a.foot())
	}
	if height > 0 {
		lines = lines[:min(len(lines), height)]
	}
	for i := range lines {
		lines[i] = lines[i].fit(a.width, a.ASCII)
	}
	return lines
}

// body is what stands between the first lines and the last one.
func (a artist) body(height int, whole bool) []Line {
	switch {
	case a.Help:
		return a.help()
	case a.Page == LookupsPage:
		return a.scroll(a.lookups(true).lines, height, whole)
	case a.Page == DecisionsPage:
		return a.scroll(a.decisionsInFull(), height, whole)
	case a.Page == SystemPage:
		return a.scroll(stack(a.system(), 0), height, whole)
	case whole:
		return stack(a.overview(), 0)
	case a.width >= twoColumns && height > 0:
		return a.beside(height)
	}
	return stack(a.overview(), max(1, height))
}

// scroll leaves out what is scrolled past, but never the last page.
func (a artist) scroll(lines []Line, height int, whole bool) []Line {
	if whole {
		return lines
	}
	return lines[min(max(0, a.Offset), max(0, len(lines)-max(1, height))):]
}

// last is how far it makes sense to scroll.
func (m *Model) last(v View, width, height int) int {
	a := artist{m, v, max(1, width)}
	switch v.Page {
	case Overview:
		return max(0, len(m.decisions)-1)
	case LookupsPage:
		return max(0, len(a.lookups(true).lines)-1)
	case DecisionsPage:
		return max(0, len(a.decisionsInFull())-1)
	}
	return max(0, len(stack(a.system(), 0))-1)
}

// overview is everything, in the order of the page.
func (a artist) overview() []section {
	return []section{a.health(), a.charts(), a.lookups(false), a.storage(), a.rules(), a.srs(), a.connections(), a.latest()}
}

func (a artist) system() []section {
	return []section{a.health(), a.charts(), a.storage(), a.rules(), a.srs(), a.connections()}
}

// beside puts the smaller things to the right of the lookups and decisions.
func (a artist) beside(height int) []Line {
	top := stack([]section{a.health(), a.charts()}, height)
	left, right := a, a
	left.width = a.width * 3 / 5
	right.width = a.width - left.width - 2
	height -= len(top)
	if height < 2 {
		return top
	}
	ls := stack([]section{left.lookups(false), left.latest()}, height)
	rs := stack([]section{right.storage(), right.rules(), right.srs(), right.connections()}, height)
	for i := range max(len(ls), len(rs)) {
		var l Line
		if i < len(ls) {
			l = ls[i].fit(left.width, a.ASCII)
		}
		if i < len(rs) && len(rs[i]) > 0 {
			l = append(append(l.pad(left.width), Span{"  ", Plain}), rs[i]...)
		}
		top = append(top, l)
	}
	return top
}

// head is the title and a line for each daemon.
func (a artist) head() []Line {
	host, right := "", a.Now.Format("15:04:05 MST")
	for _, d := range a.daemons {
		host = cmp.Or(d.last.Host, host)
	}
	switch {
	case a.Paused:
		right = "PAUSED  " + right
	case a.Interval > 0:
		right = fmt.Sprintf("every %v  %s", a.Interval, right)
	}
	left := " postern"
	if host != "" {
		left += " on " + clean(host, a.ASCII)
	}
	if a.Interval > 0 {
		left += "  [" + a.Page.name() + "]"
	}
	right = oneline.Cells(right, a.width-2, cutSign(a.ASCII)) + " "
	taken := uniseg.StringWidth(right)
	title := Line{{oneline.Cells(left, a.width-taken-1, cutSign(a.ASCII)), Bar}}
	title = append(title, Span{strings.Repeat(" ", max(0, a.width-title.width()-taken)), Bar}, Span{right, Bar})
	lines := []Line{title}
	for _, d := range a.daemons {
		lines = append(lines, a.daemonLine(d))
	}
	if len(a.daemons) == 0 {
		lines = append(lines, Line{{"no daemon answers", Bad}})
	}
	return lines
}

// daemonLine tells how a daemon is, the important first.
func (a artist) daemonLine(d *known) Line {
	name := Span{clean(d.name, a.ASCII) + " ", Strong}
	switch {
	case d.trouble != "" && d.answered:
		return Line{name, {fmt.Sprintf("gone since %s: %s", d.since.In(a.Now.Location()).Format(time.TimeOnly), clean(d.trouble, a.ASCII)), Bad}}
	case d.trouble != "":
		return Line{name, {"does not answer: " + clean(d.trouble, a.ASCII), Bad}}
	}
	s := d.last
	ready := Span{"ready", Good}
	if s.NotReady != "" {
		ready = Span{"not ready: " + clean(s.NotReady, a.ASCII), Bad}
	}
	about := fmt.Sprintf("  up %s  %s  pid %d", lasting(s.Now.Sub(s.Started)), clean(s.Version, a.ASCII), s.PID)
	return Line{name, ready, {about, Plain}}
}

func (a artist) foot() Line {
	keys := [][2]string{{"q", "quit"}, {"?", "help"}, {"1-4", "views"}, {"p", "pause"}, {"+-", "interval"}, {"arrows", "scroll"}}
	var l Line
	for _, k := range keys {
		l = append(l, Span{k[0], Strong}, Span{" " + k[1] + "  ", Dim})
	}
	return l
}

func (a artist) help() []Line {
	text := []string{
		"q, Ctrl-C      quit",
		"1 2 3 4, Tab   overview, lookups, decisions, system",
		"Up Down        scroll a line; in the overview the decisions",
		"PgUp PgDn      scroll a page; Home: back to the start",
		"p              pause, and go on",
		"+ -            a longer interval, a shorter one",
		"Ctrl-L         draw anew",
		"Ctrl-Z         suspend; fg resumes",
		"?, Esc         leave this help",
		"",
		"PER S is what happened between the last two answers of a daemon. The totals",
		"count since the daemon started. Addresses of decisions are masked.",
	}
	var lines []Line
	for _, t := range text {
		lines = append(lines, Line{{t, Plain}})
	}
	return lines
}
