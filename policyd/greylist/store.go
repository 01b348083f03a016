package greylist

import (
	"context"
	"time"
)

// Group is whom a message is taken to come from: "192.0.2.0/24" and
// "2001:db8::/64" are networks, "pool example.com" is the clients whose names
// are below that domain, "spf example.com" is all clients that SPF lets send
// for that domain.
type Group string

// Terms are the times and the number that the rows of a [Store] live by.
type Terms struct {
	Delay            time.Duration // from the first attempt to one that passes
	RetryWindow      time.Duration // a triplet that did not pass is forgotten after it
	PassLifetime     time.Duration // a triplet that passed is forgotten so long after its last pass
	AutoPass         int           // messages that pass until their group is trusted; 0: never
	AutoPassLifetime time.Duration // a group is forgotten so long after its last pass
}

// renewal is how old the last pass of a trusted group may be before it is worth
// writing down a new one.
func (t Terms) renewal() time.Duration { return min(time.Hour, t.AutoPassLifetime/16) }

// Visit is one attempt: a triplet, and the groups that may be trusted.
type Visit struct {
	Group  Group  // of the triplet
	Sender string // domain of the sender, folded; empty for the null sender
	Owner  string // where the recipient leads; empty asks about Trust only

	// Trust are the groups whose passes count, each with a number of its own:
	// of the client, and of the domain that SPF lets it send for. Empty: none.
	Trust [2]Group

	// Message tells messages apart among all hosts that share the store. 0:
	// not known, and the attempt is taken for a message of its own.
	Message uint64
}

// Standing is what a [Store] knows of a [Visit].
type Standing struct {
	Passes  [2]int        // messages of each group of Trust that passed
	Trusted Group         // the first of Trust that is trusted; nothing below is looked at then
	Renew   bool          // the last pass of Trusted is so old that [Store.Pass] is due
	Known   bool          // the triplet passed before
	First   time.Time     // when the triplet was first seen; zero: not before this
	Wait    time.Duration // until an attempt passes; 0: this one does
}

// Store remembers triplets and counts passes. An error is trouble of the store:
// nothing is known.
type Store interface {
	// Judge looks a visit up and, unless peek is set, remembers a triplet that
	// was not seen before. A message that had to wait once waits to its end,
	// however long it takes: it is the next one that passes.
	Judge(ctx context.Context, v Visit, t Terms, peek bool) (Standing, error)

	// Pass remembers that a visit passed: the triplet, and once per message
	// each group of Trust. It reports whether the triplet was waiting.
	Pass(ctx context.Context, v Visit, t Terms) (waited bool, err error)
}

// Lister is a [Store] that tells what it holds.
type Lister interface {
	// Entries are the rows in no certain order, at most limit of them.
	Entries(ctx context.Context, limit int) ([]Entry, error)
}

// Releaser is a [Store] that lets an operator decide.
type Releaser interface {
	// Release passes the waiting triplets of a sender domain and an owner,
	// whatever their group is, and counts them.
	Release(ctx context.Context, sender, owner string, t Terms) (int, error)

	// Trust makes a group trusted as if it had passed AutoPass times.
	Trust(ctx context.Context, g Group, t Terms) error
}

// Entry is one row: a triplet, or a group whose passes are counted, which has
// no Recipient. A store that holds no addresses has names of the same length
// for them, equal for equal parts.
type Entry struct {
	Group     string    `json:"group"`
	Sender    string    `json:"sender_domain"` // empty: the null sender
	Recipient string    `json:"recipient,omitempty"`
	FirstSeen time.Time `json:"first_seen,omitzero"`
	PassAt    time.Time `json:"pass_at,omitzero"`   // from when an attempt passes; zero if it passed
	LastPass  time.Time `json:"last_pass,omitzero"` // zero if it has not passed
	Expires   time.Time `json:"expires,omitzero"`
	Passed    bool      `json:"passed"`
	Count     int       `json:"count"` // messages that passed
}
