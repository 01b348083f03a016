package main

import (
	"cmp"
	"fmt"
	"io"
)

// printed runs tell, and takes an answer that could not be printed for trouble,
// whatever it was: who reads a file on a full disk must not take it for a yes.
func printed(command string, out io.Writer, tell func(io.Writer) error) error {
	w := &checkedWriter{to: out}
	err := tell(w)
	return cmp.Or(w.trouble(command), err)
}

// checkedWriter remembers the first error.
type checkedWriter struct {
	to  io.Writer
	err error
}

func (w *checkedWriter) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	if w.err == nil {
		w.err = err
	}
	return n, err
}

// trouble is the first error, after the stage; nil: all was printed.
func (w *checkedWriter) trouble(stage string) error {
	if w.err == nil {
		return nil
	}
	return temporary(fmt.Errorf("%s: print: %w", stage, w.err))
}
