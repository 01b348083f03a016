package counter

import (
	"context"
	"time"
)

// Window is a limit: at most N at once, refilled evenly within Per.
type Window struct {
	N   int64
	Per time.Duration
}

// Debit is what one rule asks of one key for one message.
type Debit struct {
	Rule    string   // with Key and Window.Per it names the counter
	Key     string   // never empty
	Windows []Window // all must have room; N of one may change between calls, its count stays

	// Total is what the message owes under this rule and key in all: what
	// remains after what was paid before is charged now.
	Total int64

	// Unit, if not empty, is a recipient: 1 is charged for it once per message,
	// and added to what the message paid. Total is not looked at.
	Unit string

	// Message tells messages apart; it is unique among all hosts that share the
	// counters. If it is empty nothing is remembered and Total, or 1, is charged.
	Message string

	// Soft limits are reported when they are reached, and hold up nothing.
	Soft bool
}

// Outcome is what became of one Debit.
type Outcome struct {
	Fits      bool          // there was room; it was charged if no hard Debit was refused
	Cost      int64         // what was asked of the windows, after what was paid before
	Never     bool          // Cost is above N of a window: it will never fit
	Full      bool          // the store has no room for another counter: not judged, Fits is true
	Window    int           // the window that refuses, else the one with the least room
	Remaining int64         // room in Window, before the charge if refused, else after it
	Retry     time.Duration // until Cost fits in every window; 0 if it does
	Refill    time.Duration // until Window is full again
}

// Store keeps counters.
type Store interface {
	// Charge judges all debits and, if every hard one fits, charges those that
	// fit, in one step. With peek nothing changes. outcomes has the length of
	// debits. An error is trouble of the store: nothing was decided.
	Charge(ctx context.Context, debits []Debit, outcomes []Outcome, peek bool) error
}
