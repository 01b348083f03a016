package postsrsd

import "fmt"

// Error is a complaint about a place in a configuration file.
type Error struct {
	File string // as the user named it
	Line int    // 1 is the first; 0 if the complaint is about the file as a whole
	Err  error
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// place is a line of a file that complaints and warnings name.
type place struct {
	file string
	line int
}

func (p place) String() string {
	if p.line == 0 {
		return p.file
	}
	return fmt.Sprintf("%s:%d", p.file, p.line)
}

func (p place) errorf(format string, args ...any) error {
	return &Error{File: p.file, Line: p.line, Err: fmt.Errorf(format, args...)}
}

func errTooLarge(limit int) error {
	return fmt.Errorf("has more than %d bytes: that is no configuration file", limit)
}

// shown is a text of the file as messages quote it: escaped, and bounded.
func shown(s string) string {
	const most = 200
	if len(s) > most {
		return fmt.Sprintf("%q…", s[:most])
	}
	return fmt.Sprintf("%q", s)
}
