package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"

	"github.com/rivo/uniseg"
	"golang.org/x/term"

	"postern/internal/oneline"
)

// Rows are printed in pages, so that a list of millions begins at once and needs
// little memory. The first page decides how wide the columns are.
const listingPage = 1000

// No column is cut below that many characters to fit a terminal.
const narrowest = 8

// listing prints rows as a table, or as one JSON array.
type listing struct {
	out     *bufio.Writer
	asJSON  bool
	width   int // of the terminal; 0: whatever it takes
	columns []string
	page    [][]string
	widths  []int // of the first page's columns
	rows    int
}

func newListing(out io.Writer, asJSON bool, columns ...string) *listing {
	return &listing{out: bufio.NewWriter(out), asJSON: asJSON, width: terminalWidth(out), columns: columns}
}

// terminalWidth is how many characters fit a line; 0 for a pipe or a file.
func terminalWidth(out io.Writer) int {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// add prints a row: its cells, or the object.
func (l *listing) add(object any, cells ...string) error {
	l.rows++
	if l.asJSON {
		return l.addObject(object)
	}
	for i := range cells {
		cells[i] = printableText(cells[i])
	}
	if l.page = append(l.page, cells); len(l.page) < listingPage {
		return nil
	}
	return l.flush()
}

func (l *listing) addObject(object any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("  ", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(object); err != nil {
		return err
	}
	before := ",\n  "
	if l.rows == 1 {
		before = "[\n  "
	}
	_, err := l.out.WriteString(before + strings.TrimSuffix(b.String(), "\n"))
	return err
}

// end prints what is left.
func (l *listing) end() error {
	switch {
	case l.asJSON && l.rows == 0:
		l.out.WriteString("[]\n")
	case l.asJSON:
		l.out.WriteString("\n]\n")
	default:
		l.flush()
	}
	return l.out.Flush() // reports what went wrong before, too
}

// flush prints a page, the first one with the names of the columns.
func (l *listing) flush() error {
	if len(l.page) == 0 {
		return nil
	}
	if l.widths == nil {
		l.widths = fit(l.natural(), l.width)
		l.page = append([][]string{l.columns}, l.page...)
	}
	for _, cells := range l.page {
		if _, err := l.out.WriteString(l.line(cells) + "\n"); err != nil {
			return err
		}
	}
	l.page = l.page[:0]
	return nil
}

// line is a row with its columns in their places, two blanks apart.
func (l *listing) line(cells []string) string {
	var b strings.Builder
	for i, cell := range cells {
		if l.width > 0 {
			cell = oneline.Cells(cell, l.widths[i], "…")
		}
		b.WriteString(cell)
		b.WriteString(strings.Repeat(" ", max(0, l.widths[i]-uniseg.StringWidth(cell))+2))
	}
	return strings.TrimRight(b.String(), " ")
}

// natural are the widths that the columns of a page have uncut.
func (l *listing) natural() []int {
	widths := make([]int, len(l.columns))
	for _, cells := range append([][]string{l.columns}, l.page...) {
		for i, cell := range cells {
			widths[i] = max(widths[i], uniseg.StringWidth(cell))
		}
	}
	return widths
}

// fit makes the widest columns narrower until all of them, with two blanks
// between, fit a width.
func fit(widths []int, width int) []int {
	left := width - 2*(len(widths)-1)
	for _, w := range widths {
		left -= w
	}
	for width > 0 && left < 0 {
		widest := 0
		for i, w := range widths {
			if w > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= narrowest {
			break
		}
		widths[widest]--
		left++
	}
	return widths
}

// encodeJSON prints one document for programs.
func encodeJSON(out io.Writer, value any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(value)
}
