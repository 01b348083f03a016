package maillog

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// Stats counts the lines that were read.
type Stats struct {
	Lines   int64 `json:"lines"`   // all
	Events  int64 `json:"events"`  // those that made an Event
	Foreign int64 `json:"foreign"` // of programs that are not Postfix's
	Odd     int64 `json:"odd"`     // no line of a log, or one whose time cannot be read
	Long    int64 `json:"long"`    // over MaxLine, passed over
}

// Add adds the counts of another file.
func (s *Stats) Add(t Stats) {
	s.Lines += t.Lines
	s.Events += t.Events
	s.Foreign += t.Foreign
	s.Odd += t.Odd
	s.Long += t.Long
}

// Reader reads one log. It is for one goroutine.
type Reader struct {
	lines   *bufio.Reader
	options Options
	stats   Stats
}

// NewReader reads r, which is text; see Open for files.
func NewReader(r io.Reader, o Options) *Reader {
	return &Reader{lines: bufio.NewReaderSize(r, MaxLine), options: o.withDefaults()}
}

// Stats counts what was read so far.
func (r *Reader) Stats() Stats { return r.stats }

// Next is the next event, or io.EOF behind the last one. Any other error is
// one of the reading. A last line without its end counts as well.
func (r *Reader) Next() (Event, error) {
	for {
		line, err := r.line()
		if err != nil {
			return Event{}, err
		}
		e, what := parse(line, r.options)
		switch what {
		case event:
			r.stats.Events++
			return e, nil
		case foreign:
			r.stats.Foreign++
		case odd:
			r.stats.Odd++
		}
	}
}

// line is the next line that is not too long, without its end.
func (r *Reader) line() (string, error) {
	for {
		text, err := r.lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if err := r.skip(); err != nil {
				return "", err
			}
			continue
		case err != nil && (err != io.EOF || len(text) == 0):
			return "", err
		}
		r.stats.Lines++
		return strings.TrimRight(string(text), "\r\n"), nil
	}
}

// skip reads the rest of a long line.
func (r *Reader) skip() error {
	r.stats.Lines++
	r.stats.Long++
	for {
		_, err := r.lines.ReadSlice('\n')
		if err == nil || err == io.EOF {
			return nil // the end comes again with the next line
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}
