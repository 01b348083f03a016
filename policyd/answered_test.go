package policyd

import (
	"context"
	"errors"
	"testing"
)

// asked is a check that answers v, in the second phase if late.
type asked struct {
	v    Verdict
	late bool
	err  error
}

func (a asked) Check(ctx context.Context, q *Request) (Verdict, error) {
	if a.late {
		return Verdict{Charge: charged{a}}, nil
	}
	return a.v, a.err
}

type charged struct{ asked }

func (c charged) Charge(context.Context, *Request) (Verdict, error) { return c.v, c.err }

// TestAnswered has a header told that it was given exactly where it is the
// answer.
func TestAnswered(t *testing.T) {
	header, hold, refuse := Prepend("X-Test: yes"), Hold("wait"), Refuse(450, "4.7.1", "later")
	tests := map[string]struct {
		mode Mode
		peek bool
		next *asked
		want int
	}{
		"alone":                    {want: 1},
		"in shadow":                {mode: Shadow},
		"only asked":               {peek: true},
		"a later check refuses":    {next: &asked{v: Verdict{Action: refuse}}},
		"a charge refuses":         {next: &asked{v: Verdict{Action: refuse}, late: true}},
		"a charge lets pass":       {next: &asked{late: true}, want: 1},
		"a later check holds":      {next: &asked{v: Verdict{Action: hold}}},
		"another header comes too": {next: &asked{v: Verdict{Action: Prepend("X-Other: yes")}}, want: 1},
		"trouble":                  {next: &asked{err: errors.New("down")}},
		"trouble of a charge":      {next: &asked{err: errors.New("down"), late: true}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := 0
			chain := []Link{{Name: "header", Mode: test.mode, Check: asked{v: Verdict{Action: header, Answered: func() { got++ }}}}}
			if test.next != nil {
				chain = append(chain, Link{Name: "next", Check: *test.next})
			}
			p := &Policy{Default: chain}
			d, err := p.Judge(t.Context(), &Request{State: "RCPT", Peek: test.peek})
			if err == nil && got > 0 != (d.Action == header) && !test.peek {
				t.Errorf("told %d times, and the answer is %s", got, d.Action)
			}
			if got != test.want {
				t.Errorf("told %d times, want %d", got, test.want)
			}
		})
	}
}

// TestPrependIsLonger than a reply.
func TestPrependIsLonger(t *testing.T) {
	long := make([]byte, 2000)
	for i := range long {
		long[i] = 'x'
	}
	if n := len(Prepend(string(long)).text); n != maxHeader {
		t.Errorf("a header of %d bytes", n)
	}
	if n := len(Refuse(550, "5.7.1", string(long)).text); n != maxText+len("5.7.1 ") {
		t.Errorf("a reply of %d bytes", n)
	}
}
