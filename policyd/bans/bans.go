package bans

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/keysearch"
	"postern/policyd"
)

// Kind is the kind of a ban: column ban_type of api_bans.
type Kind string

// The kinds of bans.
const (
	Email  Kind = "email"  // one address, with or without an extension
	Domain Kind = "domain" // a domain and all below it
	IP     Kind = "ip"     // an address or a network
	Name   Kind = "name"   // the local part of recipients at hosted domains
)

// Place is what of a request a ban acts on.
type Place string

// The places.
const (
	Sender      Place = "sender"
	Recipient   Place = "recipient"
	Destination Place = "destination" // where the recipient leads in the end
	Client      Place = "client"
	Helo        Place = "helo"
)

// Places lists all places, in the order in which they are looked at.
func Places() []Place { return []Place{Client, Helo, Sender, Recipient, Destination} }

// Kinds lists the kinds that can act on a place. All do by default, but not
// IP on Helo: an address literal is whatever the client likes to say.
func Kinds(p Place) []Kind {
	switch p {
	case Client:
		return []Kind{IP, Domain}
	case Helo:
		return []Kind{Domain, IP}
	case Recipient:
		return []Kind{Email, Domain, Name}
	}
	return []Kind{Email, Domain}
}

// defaultKinds are the kinds that act on a place that is not configured.
func defaultKinds(p Place) []Kind {
	if p == Helo {
		return []Kind{Domain}
	}
	return Kinds(p)
}

// Table is the rows of api_bans in memory: a *table.Table. Range shows each
// row as key ("domain:example.com") and value (expiry and reason, see
// maps.ParseBan). Generation is 0 while nothing was ever loaded and changes
// with the content.
type Table interface {
	Generation() uint64
	Range(yield func(key, value string) bool)
}

// Options are the settings of the check.
type Options struct {
	Table Table // required

	// Apply says which kinds act on which place. A place that is missing has
	// all that make sense there; with an empty list nothing acts on it.
	Apply map[Place][]Kind

	// Destinations are the addresses that a recipient at a hosted domain leads
	// to in the end. Required, unless nothing acts on Destination.
	Destinations func(ctx context.Context, recipient string) ([]string, error)

	// Hosted reports whether mail for a folded domain is forwarded here.
	// Required, unless nothing acts on Destination and no Name on Recipient.
	Hosted func(ctx context.Context, domain string) (bool, error)

	MX        *MX    // looks at the hosts behind destinations; nil: it does not
	Delimiter string // recipient_delimiter

	Now     func() time.Time // time.Now if nil
	Log     *slog.Logger     // of rows that cannot be used; silent if nil
	Metrics *Metrics         // counts nothing if nil
}

// Check refuses what is banned. It is safe for concurrent use.
type Check struct {
	table     Table
	targets   func(ctx context.Context, recipient string) ([]string, error)
	hosted    func(ctx context.Context, domain string) (bool, error)
	mx        *MX
	extension keysearch.Options
	now       func() time.Time
	log       *slog.Logger
	metrics   *Metrics

	client, helo, sender, recipient, destination kinds // of apply, at hand

	book     atomic.Pointer[book]
	building sync.Mutex    // held by who builds the next book
	built    time.Time     // when the last one was built
	pause    time.Duration // least time until the next
}

// kinds is a set of kinds.
type kinds struct{ email, domain, ip, name bool }

func (k kinds) any() bool { return k != kinds{} }

// covers reports whether what is looked at for other was looked at for k.
func (k kinds) covers(other kinds) bool {
	return (k.email || !other.email) && (k.domain || !other.domain)
}

// New makes the check. It reads the table, if that is loaded, so that rows
// which cannot be used are reported at the start.
func New(o Options) (*Check, error) {
	if o.Table == nil {
		return nil, errors.New("bans: no table of bans: set database, whose table api_bans is read")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Check{
		table: o.Table, targets: o.Destinations, hosted: o.Hosted, mx: o.MX,
		extension: keysearch.Options{RecipientDelimiter: o.Delimiter},
		now:       o.Now, log: o.Log, metrics: o.Metrics,
	}
	if err := c.setApply(o.Apply); err != nil {
		return nil, err
	}
	if c.hosted == nil && (c.recipient.name || c.destination.any()) {
		return nil, errors.New("bans: which domains are hosted is not known: bans of names and of destinations need the table domain")
	}
	if c.targets == nil && c.destination.any() {
		return nil, errors.New("bans: where recipients lead is not known: bans of destinations need the map virtual, or destination: []")
	}
	_, _ = c.current() // not loaded yet is no mistake of the configuration
	return c, nil
}

// setApply reads Options.Apply.
func (c *Check) setApply(apply map[Place][]Kind) error {
	for place := range apply {
		if !slices.Contains(Places(), place) {
			return fmt.Errorf("bans: %.50q is no place: write %s", place, list(Places()))
		}
	}
	for place, set := range map[Place]*kinds{
		Client: &c.client, Helo: &c.helo, Sender: &c.sender, Recipient: &c.recipient, Destination: &c.destination,
	} {
		chosen, configured := apply[place]
		if !configured {
			chosen = defaultKinds(place)
		}
		for _, kind := range chosen {
			if !slices.Contains(Kinds(place), kind) {
				return fmt.Errorf("bans: %s: a ban of kind %.50q cannot act on it: write %s", place, kind, list(Kinds(place)))
			}
			set.add(kind)
		}
	}
	return nil
}

func (k *kinds) add(kind Kind) {
	switch kind {
	case Email:
		k.email = true
	case Domain:
		k.domain = true
	case IP:
		k.ip = true
	case Name:
		k.name = true
	}
}

// list is "a, b or c".
func list[T ~string](words []T) string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = string(w)
	}
	last := len(all) - 1
	if last < 1 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:last], ", ") + " or " + all[last]
}

// Check implements policyd.Check.
func (c *Check) Check(ctx context.Context, q *policyd.Request) (policyd.Verdict, error) {
	b, err := c.current()
	if err != nil {
		return policyd.Verdict{}, err
	}
	l := look{check: c, book: b, q: q, now: c.now(), to: addressOf(q.Recipient)}
	if f := l.inMemory(); f.entry != nil {
		return f.verdict(), nil
	}
	f, err := l.beyond(ctx)
	if f.entry != nil {
		return f.verdict(), nil
	}
	if err != nil {
		return policyd.Verdict{}, fmt.Errorf("bans: %w", err)
	}
	return policyd.Verdict{}, nil
}
