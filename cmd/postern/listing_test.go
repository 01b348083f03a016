package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rivo/uniseg"
)

// printList prints rows at a width of the terminal.
func printList(t *testing.T, width int, columns []string, rows ...[]string) string {
	t.Helper()
	var out bytes.Buffer
	l := newListing(&out, false, columns...)
	l.width = width
	for _, row := range rows {
		if err := l.add(nil, row...); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.end(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestListingFits(t *testing.T) {
	columns := []string{"ID", "ADDRESS", "GOTO", "STATE"}
	rows := [][]string{
		{"#1", "info@example.org", "a-very-long-owner-address@destination.example,another@destination.example", "active"},
		{"#2", "生命生命生命生命生命生命@example.org", "x\x1b[31m", "disabled"},
	}
	whole := printList(t, 0, columns, rows...)
	if !strings.Contains(whole, "another@destination.example  active\n") || strings.ContainsAny(whole, "…\x1b") {
		t.Errorf("not whole: %q", whole)
	}
	for _, width := range []int{200, 80, 60, 50} {
		text := printList(t, width, columns, rows...)
		for line := range strings.Lines(text) {
			if got := uniseg.StringWidth(strings.TrimSuffix(line, "\n")); got > width {
				t.Errorf("%d wide, at most %d: %q", got, width, line)
			}
		}
		if cut := strings.Contains(text, "…"); cut != (width < 200) {
			t.Errorf("width %d: cut: %v\n%s", width, cut, text)
		}
		if strings.Contains(text, "\x1b") || !strings.Contains(text, "active") {
			t.Errorf("width %d: %q", width, text)
		}
	}
	if got := printList(t, 10, []string{"A", "B"}, []string{strings.Repeat("x", 30), strings.Repeat("y", 30)}); got != "A         B\nxxxxxxx…  yyyyyyy…\n" {
		t.Errorf("a terminal that is too narrow: %q", got)
	}
}

func TestListingPages(t *testing.T) {
	var rows [][]string
	for i := range 2*listingPage + 1 {
		rows = append(rows, []string{fmt.Sprintf("#%d", i), "short"})
	}
	rows[listingPage+1][1] = "longer than the page before"
	lines := strings.Split(strings.TrimSuffix(printList(t, 0, []string{"ID", "B"}, rows...), "\n"), "\n")
	if len(lines) != len(rows)+1 || lines[0] != "ID    B" || strings.Count(strings.Join(lines, "\n"), "ID") != 1 {
		t.Errorf("%d lines, first %q", len(lines), lines[0])
	}
	if lines[listingPage+2] != "#1001  longer than the page before" {
		t.Errorf("%q", lines[listingPage+2])
	}
}

func TestListingJSON(t *testing.T) {
	for n, want := range []string{"[]\n", "[\n  {\n    \"a\": \"<&>\"\n  }\n]\n", "[\n  {\n    \"a\": \"<&>\"\n  },\n  {\n    \"a\": \"<&>\"\n  }\n]\n"} {
		var out bytes.Buffer
		l := newListing(&out, true, "A")
		for range n {
			if err := l.add(map[string]string{"a": "<&>"}, "x"); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.end(); err != nil || out.String() != want {
			t.Errorf("%d rows: %q, %v", n, out.String(), err)
		}
	}
}

// fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestListingFullDisk(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		l := newListing(fullDisk{}, asJSON, "A")
		var err error
		for range 3 * listingPage {
			err = errors.Join(err, l.add("x", "x"))
		}
		if err = errors.Join(err, l.end()); err == nil {
			t.Error("nobody noticed")
		}
	}
}
