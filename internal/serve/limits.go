package serve

import (
	"fmt"
	"time"
)

// Limits bound what the peers of one listener can take. A field that is zero
// has its default; LameDuck's default is none.
type Limits struct {
	// Connections that are open at a time. A Postfix process holds one per
	// socketmap endpoint, tcp table or policy service, and there are up to
	// default_process_limit processes of each service.
	Connections int

	// FirstRequest is the time from accept to the end of the first request.
	// Postfix connects when it has something to ask, never in advance.
	FirstRequest time.Duration

	// Idle is the wait for the first byte of a further request. It exceeds
	// the time after which Postfix itself hangs up: 100 s on socketmap
	// (DICT_SOCKMAP_DEF_MAX_TTL), smtpd_policy_service_max_ttl (1000 s) for
	// policy. A tcp table is never hung up, and being closed costs Postfix one
	// second there; ipc_timeout (3600 s) is what it grants its own daemons.
	Idle time.Duration

	// Request is the wait for the rest of a request that has begun. Postfix
	// gives up writing after 100 s (DICT_SOCKMAP_DEF_TIMEOUT, DICT_TCP_TMOUT,
	// smtpd_policy_service_timeout).
	Request time.Duration

	// Write is the wait for the peer to take a reply. Postfix gives up
	// reading after the same 100 s.
	Write time.Duration

	// Spare is how long a connection that has asked before must have been idle
	// to be closed for a newcomer when the house is full. Postfix itself
	// closes a socketmap after 10 s idle (DICT_SOCKMAP_DEF_MAX_IDLE).
	Spare time.Duration

	// LameDuck is how long connections may go on asking after a stop began.
	// Zero releases the idle ones at once, which is harmless on socketmap. A
	// policy server that a successor stands beside can wait until Postfix has
	// left by itself (smtpd_policy_service_max_ttl, 1000 s).
	LameDuck time.Duration

	// Drain is the time that a stop gives to requests under way, after
	// LameDuck. It is shorter than systemd's TimeoutStopSec (90 s) and longer
	// than any look-up takes.
	Drain time.Duration
}

// DefaultLimits returns what a field of Limits that is zero stands for.
func DefaultLimits() Limits {
	return Limits{
		Connections:  2000, // 20 services of default_process_limit (100) each
		FirstRequest: 10 * time.Second,
		Idle:         3600 * time.Second,
		Request:      100 * time.Second,
		Write:        100 * time.Second,
		Spare:        10 * time.Second,
		LameDuck:     0,
		Drain:        10 * time.Second,
	}
}

// filled returns l with defaults in the place of zeros, or what is wrong.
func (l Limits) filled() (Limits, error) {
	def := DefaultLimits()
	if l.Connections == 0 {
		l.Connections = def.Connections
	}
	if l.Connections < 0 {
		return l, fmt.Errorf("limits: connections: %d is less than one", l.Connections)
	}
	for _, f := range []struct {
		name  string
		value *time.Duration
		def   time.Duration
	}{
		{"first request", &l.FirstRequest, def.FirstRequest},
		{"idle", &l.Idle, def.Idle},
		{"request", &l.Request, def.Request},
		{"write", &l.Write, def.Write},
		{"spare", &l.Spare, def.Spare},
		{"lame duck", &l.LameDuck, def.LameDuck},
		{"drain", &l.Drain, def.Drain},
	} {
		if *f.value == 0 {
			*f.value = f.def
		}
		if *f.value < 0 {
			return l, fmt.Errorf("limits: %s: %v is less than no time", f.name, *f.value)
		}
	}
	return l, nil
}
