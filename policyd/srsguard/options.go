package srsguard

import (
	"errors"
	"fmt"

	"postern/internal/lookup"
	"postern/policyd"
	"postern/srsd"
)

// Inbound says which SRS senders are refused to mail from outside.
type Inbound string

// The values of srs_inbound.
const (
	Own Inbound = "own" // those of our SRS domain that do not verify
	Any Inbound = "any" // all
	Off Inbound = "off" // none
)

// Options of the check. Recipients must be set.
type Options struct {
	Inbound Inbound // empty: own

	// Recipients is the map srs-recipients: OK for a valid SRS address of
	// ours, "550 5.1.1 reason" for one that does not verify, else not found.
	Recipients lookup.Map

	// AnySender takes mail at a valid SRS recipient that is no bounce.
	AnySender bool

	// Exempt are clients whose senders are not judged. (policyd.Scope leaves
	// clients and logins out of the whole check.)
	Exempt policyd.Networks
}

// New makes the check.
func New(o Options) (*Check, error) {
	switch o.Inbound {
	case "":
		o.Inbound = Own
	case Own, Any, Off:
	default:
		return nil, fmt.Errorf("srs: srs_inbound %.40q is not known: write own, any or off", string(o.Inbound))
	}
	if o.Recipients == nil {
		return nil, errors.New("srs: the map srs-recipients is missing: it says which SRS addresses are ours")
	}
	return &Check{
		inbound: o.Inbound,
		ours:    o.Recipients,
		bounces: srsd.Verdict{Recipients: o.Recipients, AnySender: o.AnySender},
		anybody: srsd.Verdict{Recipients: o.Recipients, AnySender: true},
		exempt:  o.Exempt,
	}, nil
}
