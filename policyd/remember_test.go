package policyd

import (
	"context"
	"testing"
)

// learner remembers what it is asked about in the end.
type learner struct{ learned *int }

func (l learner) Check(context.Context, *Request) (Verdict, error) {
	return Verdict{Remember: l}, nil
}

func (l learner) Charge(context.Context, *Request) (Verdict, error) {
	*l.learned++
	return Verdict{}, nil
}

// TestRemember has a check learn from mail that was taken, wherever in the
// chain it stands.
func TestRemember(t *testing.T) {
	refuse := Verdict{Action: Refuse(450, "4.7.1", "later")}
	for name, test := range map[string]struct {
		mode Mode
		next asked
		want int
	}{
		"taken":                {next: asked{late: true}, want: 1},
		"held":                 {next: asked{v: Verdict{Action: Hold("wait")}, late: true}, want: 1},
		"in shadow":            {mode: Shadow, next: asked{late: true}, want: 1},
		"a check refuses":      {next: asked{v: refuse}},
		"a charge refuses":     {next: asked{v: refuse, late: true}},
		"a charge in trouble":  {next: asked{err: context.Canceled, late: true}},
		"a charge, and shadow": {mode: Shadow, next: asked{v: refuse, late: true}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, first := range []bool{true, false} {
				learned := 0
				chain := []Link{{Name: "learner", Mode: test.mode, Check: learner{&learned}}, {Name: "next", Check: test.next}}
				if !first {
					chain[0], chain[1] = chain[1], chain[0]
				}
				p := &Policy{Default: chain}
				if _, err := p.Judge(t.Context(), &Request{State: "RCPT"}); err != nil && test.next.err == nil {
					t.Fatal(err)
				}
				if learned != test.want {
					t.Errorf("learner first %v: learned %d times, want %d", first, learned, test.want)
				}
			}
		})
	}
}
