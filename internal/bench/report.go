package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// floor is what a figure has to reach. The zero value is none.
type floor struct {
	sign  string // "≥", "≤"
	value float64
}

func atLeast(v float64) floor { return floor{"≥", v} }
func atMost(v float64) floor  { return floor{"≤", v} }

func (f floor) String() string {
	if f.sign == "" {
		return ""
	}
	return f.sign + " " + plain(f.value)
}

// verdict marks a figure that misses its floor.
func (f floor) verdict(v float64) string {
	switch {
	case f.sign == "":
		return ""
	case math.IsNaN(v):
		return "not measured"
	case f.sign == "≥" && v < f.value:
		return "**below " + plain(f.value) + "**"
	case f.sign == "≤" && v > f.value:
		return "**above " + plain(f.value) + "**"
	}
	return "ok"
}

// plain prints a floor as it was set, 0.90 with both digits.
func plain(v float64) string {
	if v < 1 {
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// figure prints to three digits, and whole numbers whole.
func figure(v float64) string {
	switch abs := math.Abs(v); {
	case v == 0:
		return "0"
	case abs >= 10000:
		return strconv.FormatFloat(v/1000, 'f', 1, 64) + "k"
	case v == math.Trunc(v) && abs >= 10 || abs >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case abs >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case abs < 1:
		return strconv.FormatFloat(v, 'f', 3, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// line is a row of the table.
type line struct {
	what  string
	floor floor
	got   summary
	notes string // the figures that the ratio is made of, side by side
}

// report is the table.
type report struct {
	lines  []line
	broken []string
}

func (r *report) add(what string, f floor, got summary, notes string, args ...any) {
	r.lines = append(r.lines, line{what, f, got, fmt.Sprintf(notes, args...)})
}

// fail says that a measurement could not be made.
func (r *report) fail(name string, err error) {
	r.broken = append(r.broken, fmt.Sprintf("**%s: not measured:** %v", name, err))
}

// write prints the table as Markdown whose columns also stand below each other.
func (r *report) write(w io.Writer) {
	cells := [][]string{{"what", "floor", "median", "95 % range", "", "side by side"}}
	for _, l := range r.lines {
		spread := ""
		if l.got.n > 1 {
			spread = figure(l.got.low) + " – " + figure(l.got.high)
		}
		cells = append(cells, []string{l.what, l.floor.String(), figure(l.got.median), spread, l.floor.verdict(l.got.median), l.notes})
	}
	if len(r.lines) > 0 {
		writeTable(w, cells)
	}
	for _, sentence := range r.broken {
		fmt.Fprintf(w, "\n%s\n", strings.Join(strings.Fields(sentence), " "))
	}
}

func writeTable(w io.Writer, cells [][]string) {
	width := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for i, row := range cells {
		for j, cell := range row {
			fmt.Fprintf(w, "| %s%s ", cell, strings.Repeat(" ", width[j]-utf8.RuneCountInString(cell)))
		}
		fmt.Fprintln(w, "|")
		if i == 0 {
			for _, n := range width {
				fmt.Fprintf(w, "|%s", strings.Repeat("-", n+2))
			}
			fmt.Fprintln(w, "|")
		}
	}
}

// rates prints the medians of series in the words of the reader.
func rates(unit string, all ...series) string {
	var parts []string
	for _, s := range all {
		parts = append(parts, figure(summarize(s).median)+unit)
	}
	return strings.Join(parts, " : ")
}
