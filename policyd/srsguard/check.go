package srsguard

import (
	"context"
	"fmt"
	"strings"

	"postern/internal/lookup"
	"postern/policyd"
	"postern/srsd"
	"postern/srsd/srs"
)

// Rules of the check, in logs and metrics.
const (
	ruleOwn    = "inbound_own"      // a sender of our SRS domain that does not verify
	ruleAny    = "inbound_any"      // a sender that is an SRS address
	ruleForged = "recipient_forged" // a recipient of our SRS domain that does not verify
	ruleSender = "recipient_sender" // a valid one, for mail that is no bounce
)

// Check judges SRS senders and recipients.
type Check struct {
	inbound Inbound
	ours    lookup.Map
	bounces srsd.Verdict // for mail from outside
	anybody srsd.Verdict // for logins
	exempt  policyd.Networks
}

// Check implements policyd.Check. The sender is judged first.
func (c *Check) Check(ctx context.Context, q *policyd.Request) (policyd.Verdict, error) {
	note(q)
	var v policyd.Verdict
	if q.Inbound() && srs.IsSRS(q.Sender) {
		var err error
		if v, err = c.sender(ctx, q); err != nil || !v.Action.IsDunno() {
			return v, err
		}
	}
	if srs.IsSRS(q.Recipient) && (q.State == "RCPT" || q.State == "DATA") {
		r, err := c.recipient(ctx, q)
		r.Shadow = v.Shadow
		return r, err
	}
	return v, nil
}

// note tells why an address is not looked into.
func note(q *policyd.Request) {
	if !q.Explaining() {
		return
	}
	switch {
	case !srs.IsSRS(q.Sender):
		q.Notef("sender %.200q: no SRS address", q.Sender)
	case !q.Inbound():
		q.Notef("sender %.200q: of a login, so it is not looked into", q.Sender)
	}
	switch {
	case !srs.IsSRS(q.Recipient):
		q.Notef("recipient %.200q: no SRS address", q.Recipient)
	case q.State != "RCPT" && q.State != "DATA":
		q.Notef("recipient %.200q: looked into at RCPT and DATA", q.Recipient)
	}
}

// Valid reports whether a recipient is an SRS address of ours that verifies: a
// place for bounces. In doubt it is not.
func (c *Check) Valid(ctx context.Context, recipient string) bool {
	if !srs.IsSRS(recipient) {
		return false
	}
	reply, found, err := c.ours.Lookup(ctx, key(recipient))
	return err == nil && found && reply == srsd.Admitted
}

// key is an address as Postfix asks the map for it: folded, and without the dot
// of the root that a client may have written.
func key(address string) string { return lookup.Fold(strings.TrimSuffix(address, ".")) }

// recipient judges an SRS recipient.
func (c *Check) recipient(ctx context.Context, q *policyd.Request) (policyd.Verdict, error) {
	judge := c.bounces
	if !q.Inbound() {
		judge = c.anybody
	}
	reply, err := judge.Judge(ctx, q.Sender, key(q.Recipient))
	if err != nil {
		return policyd.Verdict{}, fmt.Errorf("srs: is the recipient ours: %w", err)
	}
	switch reply {
	case "":
		q.Notef("recipient %.200q: not of our SRS domain", q.Recipient)
		return policyd.Verdict{}, nil
	case srsd.Admitted:
		q.Notef("recipient %.200q: valid", q.Recipient)
		return policyd.Verdict{}, nil
	}
	code, status, text, err := split(reply)
	if err != nil {
		return policyd.Verdict{}, err
	}
	if q.Explaining() {
		q.Notef("recipient %.200q: of our SRS domain: %s", q.Recipient, text)
	}
	v := policyd.Verdict{Action: policyd.Refuse(code, status, text), Rule: ruleForged, Reason: text}
	if code == 554 {
		v.Rule = ruleSender
	}
	return v, nil
}
