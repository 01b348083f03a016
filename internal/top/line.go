package top

import (
	"strings"

	"github.com/rivo/uniseg"

	"postern/internal/oneline"
)

// Look says how a text is meant; the terminal decides how that looks.
type Look int

// The looks.
const (
	Plain Look = iota
	Dim
	Strong
	Bar // the first line
	Good
	Poor
	Bad
	Chart
)

// Span is a text of one look, clean.
type Span struct {
	Text string
	Look Look
}

// Line is a line of a picture.
type Line []Span

// String is the line without its looks.
func (l Line) String() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.Text)
	}
	return strings.TrimRight(b.String(), " ")
}

// width counts the cells of a line.
func (l Line) width() (n int) {
	for _, s := range l {
		n += uniseg.StringWidth(s.Text)
	}
	return n
}

// fit cuts a line to a number of cells.
func (l Line) fit(width int, ascii bool) Line {
	var kept Line
	for _, s := range l {
		w := uniseg.StringWidth(s.Text)
		if w > width {
			return append(kept, Span{oneline.Cells(s.Text, width, cutSign(ascii)), s.Look})
		}
		kept = append(kept, s)
		width -= w
	}
	return kept
}

// pad fills a line with blanks up to a number of cells.
func (l Line) pad(width int) Line {
	n := width - l.width()
	if n <= 0 {
		return l
	}
	return append(l, Span{strings.Repeat(" ", n), Plain})
}

// Text prints lines for a pipe.
func Text(lines []Line) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.String() + "\n")
	}
	return b.String()
}
