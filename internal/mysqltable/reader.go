package mysqltable

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// maxFile bounds a .cf file; real ones have a few lines.
const maxFile = 1 << 20

// spaces are the characters of isspace(3) in the C locale.
const spaces = " \t\n\v\f\r"

// Warning tells of a line that has no effect, or not the likely one.
type Warning struct {
	File string
	Line int
	Text string
}

func (w Warning) String() string {
	return fmt.Sprintf("%s:%d: %s", w.File, w.Line, w.Text)
}

// parameter is one logical line.
type parameter struct {
	name, value string
	line        int // where it begins
}

// logicalLine is text with its continuations, as Postfix's readlline.c joins them.
type logicalLine struct {
	text string
	line int
}

// logicalLines drops comments and blank lines and joins continuation lines.
func logicalLines(data []byte) []logicalLine {
	var lines []logicalLine
	open := false // the line before can be continued
	for n, raw := range bytes.Split(data, []byte("\n")) {
		text := string(raw)
		trimmed := strings.TrimLeft(text, spaces)
		switch {
		case trimmed == "" || trimmed[0] == '#':
		case open && strings.ContainsRune(spaces, rune(text[0])):
			lines[len(lines)-1].text += text
		default:
			lines = append(lines, logicalLine{text, n + 1})
			open = true
		}
	}
	return lines
}

// readParameters splits the text of a .cf file into its parameters, in order.
func readParameters(file string, data []byte) ([]parameter, []Warning, error) {
	if len(data) > maxFile {
		return nil, nil, fmt.Errorf("%s: file is larger than %d bytes: not a mysql_table(5) file", file, maxFile)
	}
	var params []parameter
	var warnings []Warning
	var problems []error
	for _, l := range logicalLines(data) {
		if strings.ContainsRune(spaces, rune(l.text[0])) {
			warnings = append(warnings, Warning{file, l.line, "ignored: a line that begins with white space continues the one before, and there is none"})
			continue
		}
		p, err := splitParameter(l)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s:%d: %w", file, l.line, err))
			continue
		}
		params = append(params, p)
	}
	return params, warnings, errors.Join(problems...)
}

// splitParameter splits `name = value`, as Postfix's split_nameval.c does.
func splitParameter(l logicalLine) (parameter, error) {
	if strings.IndexByte(l.text, 0) >= 0 {
		return parameter{}, errors.New("NUL byte in line: a text file is needed")
	}
	end := strings.IndexAny(l.text, spaces+"=")
	if end == 0 {
		return parameter{}, errors.New("missing name before '=': write name = value")
	}
	if end < 0 {
		end = len(l.text)
	}
	rest := strings.TrimLeft(l.text[end:], spaces)
	if !strings.HasPrefix(rest, "=") {
		return parameter{}, fmt.Errorf("missing '=' after %q: write name = value", bounded(l.text[:end]))
	}
	return parameter{name: l.text[:end], value: strings.Trim(rest[1:], spaces), line: l.line}, nil
}

// bounded cuts text for messages and logs.
func bounded(s string) string {
	const most = 200
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
