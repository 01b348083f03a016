package filemap

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"postern/internal/lookup"
)

// space is what Postfix takes for white space in ASCII text.
const space = " \t\n\v\f\r"

// complaint is something wrong with a line.
type complaint struct {
	line    int
	text    string
	skipped bool // the line gives no entry
}

// maxComplaints is how many complaints about one state of a file are told; a
// file of another kind has millions.
const maxComplaints = 10

// content is what a file says.
type content struct {
	entries    map[string]string // by folded key
	complaints []complaint       // the first of them
	more       int               // complaints that were not kept
	skipped    *complaint        // the first line that gave no entry, or nil
}

// parse reads a file as postmap(1) does. Keys and values are pieces of text
// where they can be.
func parse(text string) *content {
	c := &content{entries: map[string]string{}}
	lines := lineReader{rest: text}
	for {
		line, number, ok := lines.next()
		if !ok {
			return c
		}
		c.add(line, number)
	}
}

// add takes a logical line: key, white space, value.
func (c *content) add(line string, number int) {
	if fault := lineFault(line); fault != "" {
		c.complain(number, true, "%s", fault)
		return
	}
	end, balanced := keyEnd(line)
	if !balanced {
		c.complain(number, true, `unbalanced '"' in %.200q`, line)
		return
	}
	key, value := line[:end], strings.Trim(line[end:], space)
	if value == "" {
		c.complain(number, true, "key %.200q has no value: expected format: key whitespace value", key)
		return
	}
	if strings.HasSuffix(key, ":") {
		c.complain(number, false, `record is in "key: value" format; is this an alias file?`)
	}
	key = lookup.Fold(key)
	if _, ok := c.entries[key]; ok {
		c.complain(number, false, "duplicate entry %.200q: the first one counts", key)
		return
	}
	c.entries[key] = value
}

func (c *content) complain(line int, skipped bool, format string, args ...any) {
	keep := len(c.complaints) < maxComplaints
	if !keep {
		c.more++
	}
	if !keep && (!skipped || c.skipped != nil) {
		return
	}
	told := complaint{line, fmt.Sprintf(format, args...), skipped}
	if keep {
		c.complaints = append(c.complaints, told)
	}
	if skipped && c.skipped == nil {
		c.skipped = &told
	}
}

func lineFault(line string) string {
	switch {
	case strings.IndexByte(line, 0) >= 0:
		return "NUL byte: this is not a text file"
	case strings.Contains(space, line[:1]):
		return "the first line must not start with white space: there is nothing to continue"
	case !utf8.ValidString(line):
		return fmt.Sprintf("not valid UTF-8: %.200q", line)
	}
	return ""
}

// keyEnd returns the length of the key: up to the first white space that is
// neither quoted nor behind a backslash. The quotes stay part of the key.
func keyEnd(line string) (end int, balanced bool) {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch b := line[i]; {
		case b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case !quoted && isSpace(b):
			return i, true
		}
	}
	return len(line), !quoted
}

func isSpace(b byte) bool { return strings.IndexByte(space, b) >= 0 }

// lineReader splits text into logical lines, as Postfix's readllines does.
type lineReader struct {
	rest string
	line int // physical lines read
}

// next returns a logical line without its line feeds, and the number of its
// first physical line. Blank lines and comments are dropped, also between the
// line and its continuations.
func (r *lineReader) next() (line string, number int, ok bool) {
	var more strings.Builder // for what is continued
	for r.rest != "" {
		physical := r.physical()
		if text := strings.TrimLeft(physical, space); text == "" || text[0] == '#' {
			// Neither begins nor ends a logical line.
		} else if line == "" {
			line, number = physical, r.line
		} else {
			if more.Len() == 0 {
				more.WriteString(line)
			}
			more.WriteString(physical)
		}
		if line != "" && !r.continues() {
			break
		}
	}
	if more.Len() > 0 {
		line = more.String()
	}
	return line, number, line != ""
}

func (r *lineReader) physical() string {
	line, rest, _ := strings.Cut(r.rest, "\n")
	r.rest = rest
	r.line++
	return line
}

// continues reports whether the next line may go on with this one; a comment
// does not tell, so it is passed over.
func (r *lineReader) continues() bool {
	return r.rest != "" && (r.rest[0] == '#' || isSpace(r.rest[0]))
}
