package policyd

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
)

// Mode says what becomes of a verdict.
type Mode string

// The modes of a check.
const (
	Enforce Mode = "enforce" // it acts
	Shadow  Mode = "shadow"  // it is logged and counted, and does not act
	Off     Mode = "off"     // the check is not asked
)

// Fail says what becomes of mail when a check is in trouble.
type Fail string

// What a check may do in trouble.
const (
	FailClose  Fail = ""       // no reply: Postfix takes the default_action of its setting
	FailOpen   Fail = "open"   // as if the check had let the mail pass
	FailClosed Fail = "closed" // 451: the client comes again
)

// Link is a check in a chain.
type Link struct {
	Name  string // of the check: a label
	Check Check
	Mode  Mode
	Fail  Fail
	Scope Scope

	passed prometheus.Counter // see Metrics.Counted
}

// Unavailable is the answer of a check, or a rule, that fails closed.
func Unavailable(what string) Action {
	return Refuse(451, "4.3.0", what+" is not available, please try again")
}

// first asks the check.
func (l *Link) first(ctx context.Context, q *Request) (Verdict, error) {
	v, err := guarded(ctx, q, l.Check.Check)
	return l.settle(q, v, err)
}

// second asks what the check left for the end.
func (l *Link) second(ctx context.Context, q *Request, c Charger) (Verdict, error) {
	v, err := guarded(ctx, q, c.Charge)
	return l.settle(q, v, err)
}

// settle applies mode and fail.
func (l *Link) settle(q *Request, v Verdict, err error) (Verdict, error) {
	if err != nil {
		if q.Explaining() {
			q.Notef("trouble: %v", err)
		}
		switch {
		case l.Fail == FailOpen || l.Mode == Shadow:
			return Verdict{Rule: ruleTrouble, Reason: Printable(err.Error())}, nil
		case l.Fail == FailClosed:
			return Verdict{Action: Unavailable("policy check " + l.Name), Rule: ruleTrouble, Reason: Printable(err.Error())}, nil
		}
		return Verdict{}, fmt.Errorf("check %s: %w", l.Name, err)
	}
	if l.Mode == Shadow && !v.Action.IsDunno() {
		shadow := Verdict{Action: v.Action, Rule: v.Rule, Reason: v.Reason, Routine: v.Routine}
		v = Verdict{Charge: v.Charge, Remember: v.Remember, Shadow: append(v.Shadow, shadow)}
	}
	return v, nil
}

// ruleTrouble is the rule of a check that failed open or closed.
const ruleTrouble = "trouble"

// guarded turns a panic into trouble of the check.
func guarded(ctx context.Context, q *Request, ask func(context.Context, *Request) (Verdict, error)) (v Verdict, err error) {
	defer func() {
		if p := recover(); p != nil {
			v, err = Verdict{}, fmt.Errorf("internal error: %v: %s", p, debug.Stack())
		}
	}()
	return ask(ctx, q)
}
