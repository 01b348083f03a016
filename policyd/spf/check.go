package spf

import (
	"context"
	"crypto/sha256"
	"fmt"

	lru "github.com/hashicorp/golang-lru/v2"

	"postern/policyd"
)

// messages bounds those whose header is remembered: more than there can be
// under way. It costs 1 MB.
const messages = 10_000

// Check judges clients by the SPF records of their senders.
type Check struct {
	actions map[Result]Act
	host    string
	clients policyd.Networks
	senders senders
	ask     *evaluator
	given   *lru.Cache[[sha256.Size]byte, struct{}] // messages that have their header
	metrics *Metrics
}

// New makes the check. Close ends it.
func New(o Options) (*Check, error) {
	o, err := o.resolve()
	if err != nil {
		return nil, err
	}
	c := &Check{host: o.Host, clients: o.SkipClients, metrics: o.Metrics}
	if c.actions, err = o.actions(); err != nil {
		return nil, err
	}
	if c.senders, err = parseSenders(o.SkipSenders); err != nil {
		return nil, err
	}
	if c.given, err = lru.New[[sha256.Size]byte, struct{}](messages); err != nil {
		return nil, fmt.Errorf("spf: %w", err)
	}
	c.ask, err = newEvaluator(o)
	return c, err
}

// Close ends evaluations under way. It waits for them, but not longer than one
// may take.
func (c *Check) Close() { c.ask.close() }

// Check implements policyd.Check, at RCPT and for mail from outside. The rule is
// the result. An error is the end of ctx; trouble with the DNS is temperror.
func (c *Check) Check(ctx context.Context, q *policyd.Request) (policyd.Verdict, error) {
	if q.State != "RCPT" || !q.Inbound() {
		return policyd.Verdict{}, nil
	}
	id := identityOf(q)
	if reason := c.skips(id); reason != "" {
		if q.Explaining() {
			q.Notef("%s %.200q from %s: not checked: %s", id.kind, id.domain, address(id.client), reason)
		}
		return policyd.Verdict{}, nil
	}
	o, err := c.result(ctx, q, id)
	if err != nil {
		return policyd.Verdict{}, err
	}
	if !q.Peek {
		c.metrics.judged(o.result)
	}
	return c.verdict(q, id, o), nil
}

// SenderDomain is the domain of the sender, or of the HELO name of a null sender,
// in lower case, and whether SPF permits the client to send for it: then mail of
// this domain is one sender, whichever of its hosts it comes from. In doubt it
// is not. The domain may share the memory of q.
func (c *Check) SenderDomain(ctx context.Context, q *policyd.Request) (domain string, pass bool) {
	id := identityOf(q)
	if !q.Inbound() || c.skips(id) != "" {
		return id.domain, false
	}
	o, err := c.result(ctx, q, id)
	return id.domain, err == nil && o.result == Pass
}

// skips tells why nothing is looked up, if so. A domain cannot permit a loopback
// address: what comes from there is mail of this host.
func (c *Check) skips(id identity) string {
	switch {
	case id.client.IsLoopback():
		return "the client is this host"
	case c.clients.Contains(id.client):
		return "the client is skipped"
	case id.domain != "" && c.senders.has(id):
		return "the sender is skipped"
	}
	return ""
}

// result is none without a lookup where there is nothing to look up.
func (c *Check) result(ctx context.Context, q *policyd.Request, id identity) (outcome, error) {
	if !id.client.IsValid() || id.domain == "" {
		o := outcome{result: None, cause: "there is no client address or no domain to ask about"}
		if q.Explaining() {
			q.Notef("%s from %.200q: none: %s", id.kind, q.ClientAddress, o.cause)
		}
		return o, nil
	}
	o, source, err := c.ask.ask(ctx, id)
	if err == nil && q.Explaining() {
		q.Notef("%s %q from %s: %s (%.200s), from %s", id.kind, id.domain, id.client, o.result, o.cause, source)
	}
	return o, err
}

// verdict does with an outcome what is configured.
func (c *Check) verdict(q *policyd.Request, id identity, o outcome) policyd.Verdict {
	v := policyd.Verdict{Rule: string(o.result)}
	switch act := c.actions[o.result]; act {
	case Reject, Defer:
		v.Action = refusal(act, o, id)
	case PrependIt:
		v = c.prepend(q, id, o, v)
	}
	if !v.Action.IsDunno() {
		v.Reason = fmt.Sprintf("%s %s: %s (%.200s)", id.kind, id.domain, o.result, o.cause)
	}
	return v
}

// prepend gives a message its header unless it has it. Postfix keeps it for the
// whole message as soon as it has heard of it, whatever becomes of this
// recipient.
func (c *Check) prepend(q *policyd.Request, id identity, o outcome, v policyd.Verdict) policyd.Verdict {
	if q.Instance == "" && !q.Peek {
		return v // no message: once could not be told
	}
	key := message(q)
	if c.given.Contains(key) {
		q.Notef("the message has its Received-SPF header")
		return v
	}
	v.Action = policyd.Prepend(header{o, id, q.Sender, c.host}.String())
	v.Routine = true
	v.Answered = func() { c.given.Add(key, struct{}{}) }
	return v
}

// message names the message of q. An instance is unique on one host only.
func message(q *policyd.Request) [sha256.Size]byte {
	return sha256.Sum256([]byte(q.Instance + "\x00" + q.ClientAddress + "\x00" + q.Sender))
}
