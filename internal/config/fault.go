package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Error is one complaint about the file.
type Error struct {
	File string
	Line int
	Err  error
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, shortened(e.Err.Error()))
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, shortened(e.Err.Error()))
}

// A complaint may quote a value, and a value may be as large as the file.
const (
	longestText = 2000 // bytes of a complaint
	keptOfEnds  = 500  // of each end: what is wrong is said first, what would be right last
)

// shortened leaves the middle out of a text that is too long.
func shortened(text string) string {
	if len(text) <= longestText {
		return text
	}
	return strings.ToValidUTF8(text[:keptOfEnds], "") + " … " + strings.ToValidUTF8(text[len(text)-keptOfEnds:], "")
}

func (e *Error) Unwrap() error { return e.Err }

// fault is a complaint that knows its node but not yet its file.
type fault struct {
	line int
	err  error
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

func faultAt(node ast.Node, err error) error {
	f := &fault{err: err}
	if node != nil && node.GetToken() != nil {
		f.line = node.GetToken().Position.Line
	}
	return f
}

// located turns an error of the YAML reader into one with file and line.
func (d *document) located(err error) error {
	var f *fault
	if errors.As(err, &f) {
		return &Error{d.name, f.line, f.err}
	}
	var y yaml.Error
	if !errors.As(err, &y) || y.GetToken() == nil {
		return &Error{d.name, 0, err}
	}
	line := y.GetToken().Position.Line
	text := strings.TrimSpace(y.GetMessage())
	var unknown *yaml.UnknownFieldError
	if errors.As(err, &unknown) {
		return &Error{d.name, line, d.unknownKey(unknown)}
	}
	var t *yaml.TypeError
	if errors.As(err, &t) {
		return &Error{d.name, line, wrongType(t)}
	}
	return &Error{d.name, line, errors.New(text + syntaxAdvice(text))}
}

// wrongType says what a value should have been.
func wrongType(e *yaml.TypeError) error {
	want := "one value"
	switch e.DstType.Kind() {
	case reflect.Int:
		want = "a number"
	case reflect.Bool:
		want = "true or false"
	}
	if e.Token.Value == ":" { // what YAML makes of 127.0.0.1:3306 where braces are around it
		want += ", in quotes if it has a colon"
	}
	return fmt.Errorf("%q does not fit here: write %s", e.Token.Value, want)
}
