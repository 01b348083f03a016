package postconf

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxFile bounds main.cf and master.cf.
const maxFile = 16 << 20

// readLogical reads the logical lines of a file. The faults are lines that
// Postfix passes over with a warning.
func readLogical(path string) ([]traced, []*Fault, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, nil, err
	}
	if len(content) > maxFile {
		return nil, nil, fmt.Errorf("%s: longer than %d bytes: this is no Postfix configuration", path, maxFile)
	}
	lines, faults := logicalLines(path, content)
	return lines, faults, nil
}

// logicalLines joins continuation lines as readlline(3) of Postfix does:
// without anything between, comments and blank lines left out.
func logicalLines(path string, content []byte) (lines []traced, faults []*Fault) {
	var joined builder
	flush := func() {
		current := joined.traced()
		if current.text != "" && isSpace(current.text[0]) {
			faults = append(faults, &Fault{current.at(0),
				fmt.Sprintf("%.40q starts with white space but continues nothing: Postfix passes over it", current.text)})
		} else if current.text != "" {
			lines = append(lines, current)
		}
		joined = builder{}
	}
	for number := 1; len(content) > 0; number++ {
		var line []byte
		line, content, _ = bytes.Cut(content, []byte("\n"))
		starts := len(line) > 0 && !isSpace(line[0]) && line[0] != '#'
		if starts {
			flush()
		}
		if blank := strings.TrimLeft(string(line), " \t\v\f\r"); blank == "" || blank[0] == '#' {
			continue
		}
		joined.add(traced{string(line), []mark{{0, Place{path, number}}}})
	}
	flush()
	return lines, faults
}

// splitNameValue splits "name = value".
func splitNameValue(t traced) (name string, value traced, err error) {
	i := 0
	for i < len(t.text) && isSpace(t.text[i]) {
		i++
	}
	start := i
	for i < len(t.text) && !isSpace(t.text[i]) && t.text[i] != '=' {
		i++
	}
	if name = t.text[start:i]; name == "" {
		return "", traced{}, fmt.Errorf("a name is missing before %.40q", t.text[start:])
	}
	for i < len(t.text) && isSpace(t.text[i]) {
		i++
	}
	if i == len(t.text) || t.text[i] != '=' {
		return "", traced{}, fmt.Errorf("%.40q has no = after the name, right would be name = value", t.text[start:])
	}
	return name, t.slice(i+1, len(t.text)).trim(), nil
}
