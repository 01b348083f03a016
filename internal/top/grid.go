package top

import (
	"slices"
	"strings"

	"github.com/rivo/uniseg"

	"postern/internal/oneline"
)

// column is one of a table.
type column struct {
	title string
	right bool // figures
	drop  int  // leaves before those with less when the table is too wide; 0: stays
	flex  bool // is cut before others, down to narrowest
}

// narrowest is what a flexible column is cut to before others leave, in cells.
const narrowest = 10

// grid is a table: columns, and rows of clean texts with looks.
type grid struct {
	columns []column
	rows    [][]Span
	ascii   bool
}

// lines lays the table out, two blanks between columns, the titles first.
func (g grid) lines(width int) []Line {
	widths := g.widths()
	for g.over(widths, width, true) {
		last := g.leaving(widths)
		if last < 0 {
			break
		}
		widths[last] = -1
	}
	for g.over(widths, width, false) && g.shrink(widths) {
	}
	titles := make([]Span, len(g.columns))
	for i, c := range g.columns {
		titles[i] = Span{c.title, Dim}
	}
	lines := []Line{g.line(titles, widths).fit(width, g.ascii)}
	for _, row := range g.rows {
		lines = append(lines, g.line(row, widths).fit(width, g.ascii))
	}
	return lines
}

// without leaves a column out.
func (g grid) without(at int) grid {
	g.columns = slices.Delete(slices.Clone(g.columns), at, at+1)
	rows := make([][]Span, len(g.rows))
	for i, row := range g.rows {
		rows[i] = slices.Delete(slices.Clone(row), at, at+1)
	}
	g.rows = rows
	return g
}

// widths are those that the columns have uncut.
func (g grid) widths() []int {
	widths := make([]int, len(g.columns))
	for i, c := range g.columns {
		widths[i] = uniseg.StringWidth(c.title)
	}
	for _, row := range g.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], uniseg.StringWidth(cell.Text))
		}
	}
	return widths
}

// over reports columns that are wider than a width; with least those that can
// be cut count as if they were.
func (g grid) over(widths []int, width int, least bool) bool {
	n := -2
	for i, w := range widths {
		if least && g.columns[i].flex {
			w = min(w, narrowest)
		}
		if w >= 0 {
			n += w + 2
		}
	}
	return n > width
}

// leaving is the column to leave next; -1: none may.
func (g grid) leaving(widths []int) int {
	last := -1
	for i, c := range g.columns {
		if widths[i] >= 0 && c.drop > 0 && (last < 0 || c.drop > g.columns[last].drop) {
			last = i
		}
	}
	return last
}

// shrink makes the widest flexible column narrower.
func (g grid) shrink(widths []int) bool {
	widest := -1
	for i, c := range g.columns {
		if c.flex && widths[i] > 1 && (widest < 0 || widths[i] > widths[widest]) {
			widest = i
		}
	}
	if widest < 0 {
		return false
	}
	widths[widest]--
	return true
}

func (g grid) line(cells []Span, widths []int) Line {
	var l Line
	for i, cell := range cells {
		if widths[i] < 0 {
			continue
		}
		if len(l) > 0 {
			l = append(l, Span{"  ", Plain})
		}
		cell.Text = oneline.Cells(cell.Text, widths[i], cutSign(g.ascii))
		blanks := strings.Repeat(" ", widths[i]-uniseg.StringWidth(cell.Text))
		if g.columns[i].right {
			cell.Text = blanks + cell.Text
		} else {
			cell.Text += blanks
		}
		l = append(l, cell)
	}
	return l
}
