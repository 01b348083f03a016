package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"postern/internal/lookup"
)

// explanation is an answer with all that led to it, as the control socket
// sends it.
type explanation struct {
	Map      string        `json:"map"`
	Key      string        `json:"key"`
	Value    string        `json:"value,omitempty"` // or the reason of a "not found"
	Found    bool          `json:"found"`
	Error    string        `json:"error,omitempty"`
	Steps    []step        `json:"steps"`
	Duration time.Duration `json:"duration"`
}

// step is a lookup.Step that can be sent.
type step struct {
	Map      string        `json:"map"`
	Key      string        `json:"key"`
	Source   string        `json:"source"`
	Value    string        `json:"value,omitempty"`
	Found    bool          `json:"found"`
	Error    string        `json:"error,omitempty"`
	Rows     int           `json:"rows,omitempty"`
	Age      time.Duration `json:"age,omitempty"`
	Duration time.Duration `json:"duration,omitempty"`
	Note     string        `json:"note,omitempty"`
}

// explain asks m and takes down every step.
func explain(ctx context.Context, name string, m lookup.Map, key string) explanation {
	e := explanation{Map: name, Key: key}
	ctx = lookup.WithTrace(ctx, func(s lookup.Step) { e.Steps = append(e.Steps, toStep(s)) })
	start := time.Now()
	value, found, err := m.Lookup(ctx, key)
	e.Value, e.Found, e.Duration = value, found, time.Since(start)
	if err != nil {
		e.Error = err.Error()
	}
	return e
}

func toStep(s lookup.Step) step {
	out := step{
		Map: s.Map, Key: s.Key, Source: s.Source, Value: s.Value, Found: s.Found,
		Rows: s.Rows, Age: s.Age, Duration: s.Duration, Note: s.Note,
	}
	if s.Err != nil {
		out.Error = s.Err.Error()
	}
	return out
}

// print writes the steps, one a line, and what they came to.
func (e explanation) print(w io.Writer) {
	fmt.Fprintf(w, "%s %q\n", e.Map, e.Key)
	for _, s := range e.Steps {
		fmt.Fprintf(w, "  %-12s %-18s %-34q %s\n", s.Source, s.Map, s.Key, s.outcome())
	}
	switch {
	case e.Error != "":
		fmt.Fprintf(w, "= temporary trouble: %s", e.Error)
	case e.Found:
		fmt.Fprintf(w, "= %q", e.Value)
	case e.Value != "":
		fmt.Fprintf(w, "= not found: %s", e.Value)
	default:
		fmt.Fprint(w, "= not found")
	}
	fmt.Fprintf(w, " (%s)\n", round(e.Duration))
}

// outcome is what one step came to.
func (s step) outcome() string {
	var b strings.Builder
	switch {
	case s.Error != "":
		fmt.Fprintf(&b, "error: %s", s.Error)
	case s.Found:
		fmt.Fprintf(&b, "%q", s.Value)
	default:
		b.WriteString("not found")
		if s.Value != "" {
			fmt.Fprintf(&b, ": %s", s.Value)
		}
	}
	var facts []string
	if s.Note != "" {
		facts = append(facts, s.Note)
	}
	if s.Rows > 0 {
		facts = append(facts, fmt.Sprintf("rows %d", s.Rows))
	}
	if s.Age > 0 {
		facts = append(facts, "age "+round(s.Age).String())
	}
	if s.Duration > 0 {
		facts = append(facts, "took "+round(s.Duration).String())
	}
	if len(facts) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(facts, ", "))
	}
	return b.String()
}

// round leaves three digits or so of a duration.
func round(d time.Duration) time.Duration {
	switch {
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	case d > time.Millisecond:
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(10 * time.Nanosecond)
}
