package dkim

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The marks around the lines of Sync. The first one goes on with the selector
// and with what a reader should know.
const (
	beginMark = "# BEGIN postern dkim sync, selector "
	endMark   = "# END postern dkim sync"
	beginNote = ": rewritten by each run; write lines of your own above or below"
)

// line is one of a table: a key of the table and its value.
type line struct {
	number     int // in the file, from 1
	key, value string
}

// table is KeyTable or SigningTable.
type table struct {
	path     string
	text     []byte // of the whole file, nil if there is none
	above    []byte // the lines before the marks
	below    []byte // and those behind
	foreign  []line // in above and below
	first    int    // number of the first line of below: what is foreign and smaller stands above
	ours     []line
	selector string // as the first mark remembers it
}

// readTable reads a table; a file that is not there is an empty table.
func readTable(path string) (*table, error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // which is to be replaced, not the link
	}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	t := &table{path: path, text: text}
	return t, t.parse()
}

func (t *table) parse() error {
	inside, done := false, false
	number := 0
	for raw := range bytes.Lines(t.text) {
		number++
		text := strings.TrimSpace(string(raw))
		switch {
		case strings.HasPrefix(text, beginMark) && !inside && !done:
			inside = true
			t.selector, _, _ = strings.Cut(text[len(beginMark):], ":")
		case strings.HasPrefix(text, endMark) && inside:
			inside, done = false, true
			t.first = number + 1
		case strings.HasPrefix(text, beginMark), strings.HasPrefix(text, endMark):
			return t.badMarks(number, "a mark that has no partner")
		case inside:
			t.ours = appendLine(t.ours, number, text)
		case done:
			t.below = append(t.below, raw...)
			t.foreign = appendLine(t.foreign, number, text)
		default:
			t.above = append(t.above, raw...)
			t.foreign = appendLine(t.foreign, number, text)
		}
	}
	if inside {
		return t.badMarks(number, "the end of the file, and no line "+endMark)
	}
	if !done {
		t.first = number + 1
	}
	return nil
}

func (t *table) badMarks(number int, what string) error {
	return &MarkError{File: t.path, Line: number, What: what}
}

// MarkError tells that nobody can say any more which lines of a table are ours.
type MarkError struct {
	File string
	Line int
	What string
}

func (e *MarkError) Error() string {
	return fmt.Sprintf("%s:%d: %s: restore the pair %s… and %s, or remove what is left of it with the lines between",
		e.File, e.Line, e.What, strings.TrimSpace(beginMark), endMark)
}

// appendLine adds a line as OpenDKIM reads it: # begins a comment.
func appendLine(lines []line, number int, text string) []line {
	text, _, _ = strings.Cut(text, "#")
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return lines
	}
	return append(lines, line{number, fields[0], strings.Join(fields[1:], " ")})
}

// render is the whole file with other lines of ours.
func (t *table) render(selector string, ours []line) []byte {
	if len(ours) == 0 && t.selector == "" {
		return t.text // no marks where there is nothing to mark
	}
	out := bytes.Clone(t.above)
	if len(out) > 0 && out[len(out)-1] != '\n' {
		out = append(out, '\n')
	}
	out = fmt.Appendf(out, "%s%s%s\n", beginMark, selector, beginNote)
	for _, l := range ours {
		out = fmt.Appendf(out, "%s %s\n", l.key, l.value)
	}
	out = fmt.Appendf(out, "%s\n", endMark)
	return append(out, t.below...)
}

// covers finds the line above the marks that signs for every address of a
// domain, so that OpenDKIM would not read one of ours.
func (t *table) covers(domain string) (line, bool) {
	for _, l := range t.foreign {
		if l.number < t.first && coversDomain(l.key, domain) {
			return l, true
		}
	}
	return line{}, false
}

// coversDomain tells whether a pattern matches every address of a domain. In
// patterns an asterisk is any text, and nothing else is special (opendkim(8),
// DATA SETS).
func coversDomain(pattern, domain string) bool {
	user, host, both := strings.Cut(pattern, "@")
	if both {
		return strings.Trim(user, "*") == "" && user != "" && matches(host, domain)
	}
	rest, found := strings.CutPrefix(pattern, "*") // it has to match any user
	return found && matches("*"+rest, "@"+domain)
}

// matches compares without regard to case.
func matches(pattern, text string) bool {
	parts := strings.Split(strings.ToLower(pattern), "*")
	if len(parts) == 1 {
		return parts[0] == text
	}
	rest, found := strings.CutPrefix(text, parts[0])
	for _, part := range parts[1 : len(parts)-1] {
		if !found {
			return false
		}
		_, rest, found = strings.Cut(rest, part)
	}
	return found && strings.HasSuffix(rest, parts[len(parts)-1])
}

// find looks for a line of a foreign hand by its key.
func (t *table) find(key string) (line, bool) {
	for _, l := range t.foreign {
		if strings.EqualFold(l.key, key) {
			return l, true
		}
	}
	return line{}, false
}
