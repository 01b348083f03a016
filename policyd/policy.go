package policyd

import (
	"context"
	"fmt"
)

// Policy is the chains of a configuration.
type Policy struct {
	Chains  map[string][]Link // by policy_context
	Default []Link            // of a request without a policy_context, or with an unknown one
	Metrics *Metrics
}

// Decision is the answer to a request.
type Decision struct {
	Action  Action
	Check   string // the check that decided; "" for DUNNO
	Rule    string
	Reason  string
	Routine bool   // see Verdict
	ID      string // in the reply and in the log; "" where nothing was decided
	Shadows []ShadowDecision
	Steps   []Step // of a request that is explained
}

// ShadowDecision is what a check or rule in shadow mode would have answered.
type ShadowDecision struct {
	Check string
	Verdict
}

// Step is what one check did, for --explain.
type Step struct {
	Check   string   `json:"check"`
	Mode    Mode     `json:"mode,omitempty"`
	Skipped string   `json:"skipped,omitempty"` // why it was not asked
	Notes   []string `json:"notes,omitempty"`   // what it looked at
	Verdict string   `json:"verdict,omitempty"`
	Rule    string   `json:"rule,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Trouble string   `json:"trouble,omitempty"`
	Moot    bool     `json:"moot,omitempty"` // the decision was made before: mail never gets here
}

// Known reports whether a policy_context has a chain of its own.
func (p *Policy) Known(policyContext string) bool {
	_, known := p.Chains[policyContext]
	return known
}

func (p *Policy) chain(policyContext string) []Link {
	if chain, known := p.Chains[policyContext]; known {
		return chain
	}
	return p.Default
}

// Judge asks the checks of the chain in order. The first that refuses decides;
// an answer with which mail goes on (HOLD, PREPEND) is kept until all were
// asked. Then what the checks left for the end is charged. An error is trouble
// of a check that does not say how it fails: there is no answer.
func (p *Policy) Judge(ctx context.Context, q *Request) (Decision, error) {
	j := judgement{policy: p, q: q}
	if p.Metrics != nil && q.Context != "" && !p.Known(q.Context) {
		p.Metrics.unknownContext.Inc()
	}
	err := j.walk(ctx, p.chain(q.Context))
	if err == nil && j.answered != nil && !q.Peek {
		j.answered()
	}
	return j.decision, err
}

// judgement is one walk along a chain.
type judgement struct {
	policy   *Policy
	q        *Request
	decision Decision
	answered func() // of the verdict that is the decision
	settled  bool   // nothing that follows changes the decision
	charging bool   // all checks were asked
	trouble  error  // there is none
}

type due struct {
	link    *Link
	charger Charger
}

// walk asks the chain, and then charges.
func (j *judgement) walk(ctx context.Context, chain []Link) error {
	var room [2][4]due // for the usual chain
	later, last := room[0][:0], room[1][:0]
	for i := range chain {
		v, over, err := j.ask(ctx, &chain[i])
		if j.ends(over, err) {
			return j.trouble
		}
		if v.Charge != nil {
			later = append(later, due{&chain[i], v.Charge})
		}
		if v.Remember != nil {
			last = append(last, due{&chain[i], v.Remember})
		}
	}
	for _, due := range append(later, last...) {
		_, over, err := j.charge(ctx, due.link, due.charger)
		if j.ends(over, err) {
			return j.trouble
		}
	}
	return j.trouble
}

// ends reports whether the walk ends here. One that is explained goes on, to
// show what the other checks would have said.
func (j *judgement) ends(over bool, err error) bool {
	if !j.settled && (over || err != nil) {
		j.settled, j.trouble = true, err
	}
	return j.settled && !j.q.Explaining()
}

// ask also reports whether the decision is made.
func (j *judgement) ask(ctx context.Context, l *Link) (v Verdict, over bool, err error) {
	if l.Mode == Off || !l.Scope.Covers(j.q) {
		j.skip(l)
		return Verdict{}, false, nil
	}
	return j.take(l, func() (Verdict, error) { return l.first(ctx, j.q) })
}

func (j *judgement) charge(ctx context.Context, l *Link, c Charger) (v Verdict, over bool, err error) {
	j.charging = true
	return j.take(l, func() (Verdict, error) { return l.second(ctx, j.q, c) })
}

// take asks, and adds the verdict to the decision.
func (j *judgement) take(l *Link, ask func() (Verdict, error)) (v Verdict, over bool, err error) {
	if j.q.notes != nil {
		j.q.notes = new([]string)
	}
	v, err = ask()
	if j.q.notes != nil {
		j.explain(l, v, *j.q.notes, err)
	}
	if err != nil {
		j.policy.Metrics.count(l.Name, ruleTrouble, "no_reply")
		return Verdict{}, false, err
	}
	for _, shadow := range v.Shadow {
		j.policy.Metrics.count(l.Name, shadow.Rule, "shadow_"+shadow.Action.Name())
		j.decision.Shadows = append(j.decision.Shadows, ShadowDecision{l.Name, shadow})
	}
	if v.Charge == nil || !v.Action.IsDunno() { // what it charges will say
		j.policy.Metrics.verdict(l, v)
	}
	return v, j.decide(l, v), nil
}

// decide reports whether nothing can follow on v.
func (j *judgement) decide(l *Link, v Verdict) (over bool) {
	d := &j.decision
	if j.settled || v.Action.IsDunno() || v.Action.GoesOn() && !weightier(v.Action, d.Action) {
		return false
	}
	d.Action, d.Check, d.Rule, d.Reason, d.Routine = v.Action, l.Name, v.Rule, v.Reason, v.Routine
	j.answered = v.Answered
	return !v.Action.GoesOn()
}

// weightier reports whether a replaces b, both letting the mail go on: Postfix
// takes one action only, and holding a message is worth more than a header.
func weightier(a, b Action) bool { return b.IsDunno() || a.name == "hold" && b.name != "hold" }

func (j *judgement) skip(l *Link) {
	if j.q.notes == nil {
		return
	}
	reason := "its listeners, states, contexts, clients or logins leave this request out"
	if l.Mode == Off {
		reason = "it is off"
	}
	j.decision.Steps = append(j.decision.Steps, Step{Check: l.Name, Mode: l.Mode, Skipped: reason})
}

// explain takes a step down. A check that said nothing and is asked again in
// the end, or that has only taken note there, is one step and not two.
func (j *judgement) explain(l *Link, v Verdict, notes []string, err error) {
	twice := v.Charge != nil || j.charging
	if twice && err == nil && v.Action.IsDunno() && len(notes) == 0 && len(v.Shadow) == 0 {
		return
	}
	step := Step{Check: l.Name, Mode: l.Mode, Notes: notes, Verdict: v.Action.String(), Rule: v.Rule, Reason: v.Reason, Moot: j.settled}
	if err != nil {
		step.Verdict, step.Trouble = "no reply", err.Error()
	}
	for _, shadow := range v.Shadow {
		step.Notes = append(step.Notes, fmt.Sprintf("shadow: %s would answer %s", shadow.Rule, shadow.Action))
	}
	j.decision.Steps = append(j.decision.Steps, step)
}

// Explain judges q without charging anything and tells each step.
func (p *Policy) Explain(ctx context.Context, q *Request) (Decision, error) {
	q.Peek, q.notes = true, new([]string)
	quiet := *p
	quiet.Metrics = nil
	return quiet.Judge(ctx, q)
}
