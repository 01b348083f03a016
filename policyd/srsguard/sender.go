package srsguard

import (
	"context"
	"fmt"

	"postern/policyd"
	"postern/srsd"
)

// sender judges an SRS sender of mail from outside. Each setting gives its
// verdict; the chosen one acts and the others are shadows.
func (c *Check) sender(ctx context.Context, q *policyd.Request) (policyd.Verdict, error) {
	if c.exempt.Contains(q.Client) {
		q.Notef("sender %.200q: the client is exempt", q.Sender)
		return policyd.Verdict{}, nil
	}
	all := rewritten()
	own, err := c.own(ctx, q)
	if err != nil {
		q.Notef("sender %.200q: is it ours: %v", q.Sender, err)
	}
	switch c.inbound {
	case Own:
		own.Shadow = []policyd.Verdict{all}
		return own, err
	case Any:
		all.Shadow = refusals(own)
		return all, nil
	}
	return policyd.Verdict{Shadow: refusals(all, own)}, nil
}

// rewritten is the verdict of "any" on every SRS sender.
func rewritten() policyd.Verdict {
	return policyd.Verdict{
		Action: policyd.Refuse(554, "5.7.1", "mail from a rewritten sender (SRS) is not taken here: please send it to the final address, or with its first sender"),
		Rule:   ruleAny,
		Reason: "the sender is an SRS address",
	}
}

// own is the verdict of "own" on an SRS sender.
func (c *Check) own(ctx context.Context, q *policyd.Request) (policyd.Verdict, error) {
	reply, found, err := c.ours.Lookup(ctx, key(q.Sender))
	switch {
	case err != nil:
		return policyd.Verdict{}, fmt.Errorf("srs: is the sender ours: %w", err)
	case !found:
		q.Notef("sender %.200q: not of our SRS domain", q.Sender)
		return policyd.Verdict{}, nil
	case reply == srsd.Admitted:
		q.Notef("sender %.200q: ours and valid", q.Sender)
		return policyd.Verdict{}, nil
	}
	_, _, reason, err := split(reply)
	if err != nil {
		return policyd.Verdict{}, err
	}
	if q.Explaining() {
		q.Notef("sender %.200q: of our SRS domain: %s", q.Sender, reason)
	}
	return policyd.Verdict{
		Action: policyd.Refuse(554, "5.7.1", "the sender has our SRS domain and does not verify ("+reason+"): please send with the first sender's address, or your own"),
		Rule:   ruleOwn,
		Reason: reason,
	}, nil
}

// refusals are those of the verdicts that refuse.
func refusals(verdicts ...policyd.Verdict) (refusing []policyd.Verdict) {
	for _, v := range verdicts {
		if !v.Action.IsDunno() {
			refusing = append(refusing, v)
		}
	}
	return refusing
}
