package greylist

import (
	"context"
	"fmt"

	"postern/policyd"
)

// The rules of the check's verdicts.
const (
	ruleFirst   = "first_seen"     // has to wait
	ruleEarly   = "early"          // came again before its time, or in the same message
	ruleRetry   = "retry"          // waited and passes
	ruleKnown   = "known"          // passed before
	ruleClient  = "trusted_client" // its network or pool is trusted
	ruleDomain  = "trusted_domain" // the domain that SPF lets it send for is
	ruleTrouble = "trouble"        // the store is away
)

// Check is the check "greylist".
type Check struct {
	options     Options
	terms       Terms
	pools       domains
	skipClients domains
	skipSenders domains
	trouble     trouble
}

// New makes the check.
func New(o Options) (*Check, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("greylist: %w", err)
	}
	c := &Check{options: o, terms: o.terms(), trouble: trouble{log: o.Log, metrics: o.Metrics, now: o.Now}}
	for _, list := range []struct {
		into  *domains
		words []string
		name  string
	}{
		{&c.pools, o.Pools, "pools"},
		{&c.skipClients, o.SkipClientDomains, "skip_clients"},
		{&c.skipSenders, o.SkipSenders, "skip_senders"},
	} {
		var err error
		if *list.into, err = newDomains(list.words, list.name); err != nil {
			return nil, fmt.Errorf("greylist: %w", err)
		}
	}
	return c, nil
}

// Check judges an attempt. What cheap means settle comes first: most mail is
// from groups that are trusted.
func (c *Check) Check(ctx context.Context, q *policyd.Request) (policyd.Verdict, error) {
	if q.State != "RCPT" || !q.Inbound() || q.Recipient == "" {
		return policyd.Verdict{}, nil
	}
	v := Visit{Message: c.message(q)}
	if v.Trust[0] = c.clientGroup(q); v.Trust[0] == "" {
		if q.Explaining() {
			q.Notef("not greylisted: client %.100q is no address", q.ClientAddress)
		}
		return policyd.Verdict{}, nil
	}
	if c.skipped(ctx, q) {
		return policyd.Verdict{}, nil
	}
	if c.terms.AutoPass > 0 {
		if verdict, decided := c.judge(ctx, q, v); decided {
			return verdict, nil
		}
	}
	if on, err := c.switchedOn(ctx, q); err != nil || !on {
		return policyd.Verdict{}, err
	}
	return c.judgeTriplet(ctx, q, v), nil
}

// judgeTriplet judges the whole visit.
func (c *Check) judgeTriplet(ctx context.Context, q *policyd.Request, v Visit) policyd.Verdict {
	v.Trust[1] = c.domainGroup(ctx, q)
	if v.Group = v.Trust[1]; v.Group == "" {
		v.Group = v.Trust[0]
	}
	v.Sender = bounded(domainOf(q.Sender))
	v.Owner = c.owner(ctx, q.Recipient)
	verdict, _ := c.judge(ctx, q, v)
	return verdict
}

// judge asks the store. A visit without a triplet is decided only where its
// client is trusted or the store is in trouble.
func (c *Check) judge(ctx context.Context, q *policyd.Request, v Visit) (verdict policyd.Verdict, decided bool) {
	s, err := c.options.Store.Judge(ctx, v, c.terms, q.Peek)
	if c.trouble.note(err) {
		if q.Explaining() {
			q.Notef("passes, because the store is in trouble: %v", err)
		}
		return policyd.Verdict{Rule: ruleTrouble}, true
	}
	if s.Trusted != "" {
		return c.trusted(q, v, s), true
	}
	if v.Owner == "" {
		return policyd.Verdict{}, false
	}
	c.explain(q, v, s)
	if s.Wait > 0 {
		return c.wait(q, v, s), true
	}
	rule := ruleRetry
	if s.Known {
		rule = ruleKnown
	}
	return policyd.Verdict{Rule: rule, Remember: &pass{c, v}}, true
}

func (c *Check) trusted(q *policyd.Request, v Visit, s Standing) policyd.Verdict {
	verdict := policyd.Verdict{Rule: ruleClient}
	passes := s.Passes[0]
	if s.Trusted != v.Trust[0] {
		verdict.Rule, passes = ruleDomain, s.Passes[1]
	}
	if q.Explaining() {
		q.Notef("group %s is trusted: %d of %d messages passed", s.Trusted, passes, c.terms.AutoPass)
	}
	if s.Renew {
		verdict.Remember = &pass{c, Visit{Trust: [2]Group{s.Trusted}, Message: v.Message}}
	}
	return verdict
}

// wait asks the client to come again. What is left to be charged after it is
// never asked where this verdict acts. Where it does not (shadow), the mail is
// taken and nobody comes again, so the triplet is taken for one that waited;
// its groups have shown nothing and get no pass.
func (c *Check) wait(q *policyd.Request, v Visit, s Standing) policyd.Verdict {
	rule := ruleEarly
	if s.First.IsZero() {
		rule = ruleFirst
	}
	learn := v
	learn.Trust = [2]Group{}
	return policyd.Verdict{
		Action:   policyd.DeferIfPermit("Greylisted, please try again in " + spoken(s.Wait)),
		Rule:     rule,
		Reason:   fmt.Sprintf("group %s, sender domain %.100q: passes in %v", v.Group, v.Sender, whole(s.Wait)),
		Remember: &pass{c, learn},
	}
}

// pass remembers a visit that no other check refused.
type pass struct {
	check *Check
	visit Visit
}

// Charge never refuses.
func (p *pass) Charge(ctx context.Context, q *policyd.Request) (policyd.Verdict, error) {
	if q.Peek {
		return policyd.Verdict{}, nil
	}
	waited, err := p.check.options.Store.Pass(ctx, p.visit, p.check.terms)
	if p.check.trouble.note(err) {
		return policyd.Verdict{Rule: ruleTrouble}, nil
	}
	if waited {
		p.check.options.Metrics.countRetry()
	}
	return policyd.Verdict{}, nil
}
