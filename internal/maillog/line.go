package maillog

import (
	"strconv"
	"strings"
	"time"
)

// Options are what a log does not say of itself.
type Options struct {
	Now      time.Time      // the latest time a stamp without a year may mean; zero: now
	Location *time.Location // of stamps without a zone; nil: time.Local
}

func (o Options) withDefaults() Options {
	if o.Location == nil {
		o.Location = time.Local
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	return o
}

// outcome is what became of a line.
type outcome int

const (
	event   outcome = iota // it is one
	silent                 // Postfix says nothing of a message that we follow
	foreign                // another program
	odd                    // no line of a log
)

// parse reads one line.
func parse(line string, o Options) (Event, outcome) {
	at, rest, ok := stamp(line, o)
	if !ok {
		return Event{}, odd
	}
	host, rest, ok := strings.Cut(rest, " ")
	if !ok || host == "" {
		return Event{}, odd
	}
	tag, text, ok := strings.Cut(rest, ": ")
	if !ok {
		return Event{}, odd
	}
	name, service, ok := program(tag)
	if !ok {
		return Event{}, foreign
	}
	e := Event{Time: at, Host: host, Name: name, Service: service}
	if !e.read(text) {
		return Event{}, silent
	}
	return e, event
}

// program takes NAME/SERVICE[PID] apart.
func program(tag string) (name, service string, ok bool) {
	tag, _, _ = strings.Cut(tag, "[")
	at := strings.LastIndexByte(tag, '/')
	if at < 1 || at == len(tag)-1 || strings.Contains(tag, " ") {
		return "", "", false
	}
	return tag[:at], tag[at+1:], true
}

// stamp reads the time at the front of a line.
func stamp(line string, o Options) (at time.Time, rest string, ok bool) {
	if len(line) > 0 && '0' <= line[0] && line[0] <= '9' {
		word, rest, _ := strings.Cut(line, " ")
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700"} {
			if at, err := time.Parse(layout, word); err == nil {
				return at, rest, true
			}
		}
		return time.Time{}, "", false
	}
	return yearless(line, o)
}

// yearless reads "Nov  1 17:24:45", maybe with a fraction. February 29 is read
// in a leap year first, since a year must be assumed to read it at all.
func yearless(line string, o Options) (time.Time, string, bool) {
	const length = len("Nov  1 17:24:45")
	if len(line) <= length {
		return time.Time{}, "", false
	}
	end := strings.IndexByte(line[length:], ' ')
	if end < 0 {
		return time.Time{}, "", false
	}
	end += length
	for year := o.Now.In(o.Location).Year() + 1; year > o.Now.Year()-9; year-- {
		at, err := inYear(line[:end], year, o.Location)
		if err == nil && at.Before(o.Now.Add(24*time.Hour)) {
			return at, line[end+1:], true
		}
		if err != nil && !strings.HasPrefix(line, "Feb 29") {
			break
		}
	}
	return time.Time{}, "", false
}

func inYear(text string, year int, zone *time.Location) (time.Time, error) {
	return time.ParseInLocation("2006 Jan _2 15:04:05", strconv.Itoa(year)+" "+text, zone)
}
