package fromguard

import (
	"context"
	"errors"
	"strings"
)

// finding is what is wrong with a message, or cannot be told.
type finding struct {
	header Header
	name   string // of the header, as a client knows it
	reason error  // what is wrong, and what would be right
	domain string // of the address that it is about, if it is about one
	err    error  // trouble of the map: nobody can tell
}

var (
	errNotYours      = errors.New("an address that this login may not send as: write one that it may")
	errNotYourDomain = errors.New("a domain that is none of this login's: write an address that it may send as")
	errMissing       = errors.New("missing: write one with an address that this login may send as")
	errNameAddress   = errors.New("a display name with an address that is none of this login's: write the name alone")
	errNameBrackets  = errors.New("a display name with an address in angle brackets: write the name alone")
)

// judge holds a message to its login's addresses. Headers that are off are not
// looked at.
func (g *Guard) judge(ctx context.Context, login, envelope string, h *headers) (findings []finding) {
	for _, header := range Headers() {
		if fault := h.faults[header]; fault != nil {
			findings = append(findings, finding{header: header, name: header.field(), reason: fault})
		}
	}
	if !h.has(From.field()) && h.faults[From] == nil {
		findings = append(findings, finding{header: From, name: From.field(), reason: errMissing})
	}
	var all []mailbox
	read := make([][]mailbox, len(h.fields))
	for i, f := range h.fields {
		list, err := mailboxes(f.value)
		if err != nil {
			findings = append(findings, finding{header: f.header, name: f.name, reason: err})
		}
		read[i] = list
		all = append(all, list...)
	}
	c := g.newClaims(login, envelope, all)
	for i, f := range h.fields {
		for _, m := range read[i] {
			findings = append(findings, c.judge(ctx, f, m)...)
		}
	}
	return g.looked(findings)
}

// looked leaves out what is off.
func (g *Guard) looked(findings []finding) (kept []finding) {
	for _, f := range findings {
		if g.modes[f.header] != Off {
			kept = append(kept, f)
		}
	}
	return kept
}

// judge looks at one mailbox and at the addresses in its name.
func (c *claims) judge(ctx context.Context, f field, m mailbox) (findings []finding) {
	reason := errNotYourDomain
	if c.guard.match == Address {
		reason = errNotYours
	}
	findings = c.judgeAddress(ctx, finding{header: f.header, name: f.name, reason: reason}, m.address)
	inside := finding{header: DisplayName, name: f.name, reason: errNameAddress}
	if strings.ContainsAny(m.name, "<>") { // some readers take it for the address
		inside.header, inside.reason = f.header, errNameBrackets
	}
	for _, address := range addressesIn(m.name) {
		findings = append(findings, c.judgeAddress(ctx, inside, address)...)
	}
	return findings
}

// judgeAddress returns the finding where an address is not the login's.
func (c *claims) judgeAddress(ctx context.Context, f finding, address string) []finding {
	if c.guard.modes[f.header] == Off {
		return nil
	}
	f.domain = domainOf(address)
	allowed, err := c.allowed(ctx, address)
	if allowed {
		return nil
	}
	f.err = err
	return []finding{f}
}
