package fromguard

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"postern/internal/lookup"
)

// Mode is what a finding does to a message.
type Mode string

// The modes of the guard and of each header.
const (
	Enforce Mode = "enforce" // it is refused
	Shadow  Mode = "shadow"  // it is logged and counted, and the message goes on
	Off     Mode = "off"     // nobody looks
)

// Match is what of an address must be the login's.
type Match string

// What is compared.
const (
	Domain  Match = "domain"  // its domain: some address in it is the login's
	Address Match = "address" // the address itself
)

// Header is what is held to the login's addresses, and a label of metrics.
type Header string

// The headers. Resent-From and Resent-Sender are treated as Sender is.
const (
	From        Header = "from"
	Sender      Header = "sender"
	ReplyTo     Header = "reply_to"
	DisplayName Header = "display_name" // addresses in the display names of the others
)

// Headers are all of them, in the order in which they are judged.
func Headers() []Header { return []Header{From, Sender, ReplyTo, DisplayName} }

// field is the name of the header in a message.
func (h Header) field() string {
	return map[Header]string{From: "From", Sender: "Sender", ReplyTo: "Reply-To", DisplayName: "From"}[h]
}

// Options make a Guard.
type Options struct {
	// Senders answers a sender address with the logins that may use it, as
	// smtpd_sender_login_maps does: separated by commas or blanks.
	Senders lookup.Map

	Match Match           // empty: Domain
	Mode  Mode            // of the whole guard, and the most that a header has; empty: Enforce
	Modes map[Header]Mode // of single headers; default: Enforce, of DisplayName Shadow
}

// Guard judges messages by one configuration.
type Guard struct {
	senders lookup.Map
	match   Match
	modes   map[Header]Mode
	off     bool
}

// New fills in the defaults.
func New(o Options) *Guard {
	g := &Guard{senders: o.Senders, match: o.Match, modes: map[Header]Mode{}, off: o.Mode == Off}
	if g.match == "" {
		g.match = Domain
	}
	for _, h := range Headers() {
		mode := cmp.Or(o.Modes[h], Enforce)
		if h == DisplayName {
			mode = cmp.Or(o.Modes[h], Shadow)
		}
		if o.Mode == Off || o.Mode == Shadow && mode == Enforce {
			mode = o.Mode
		}
		g.modes[h] = mode
	}
	return g
}

// enforced reports whether the guard refuses anything at all.
func (g *Guard) enforced() bool {
	for _, mode := range g.modes {
		if mode == Enforce {
			return true
		}
	}
	return false
}

// claims asks which addresses are a login's, for one message.
type claims struct {
	guard *Guard
	login string            // folded
	known []sender          // addresses that the message and its login name
	asked map[string]answer // by folded address
}

type answer struct {
	owned bool
	err   error
}

// newClaims takes the envelope sender and the login for hints at which domains
// the login has: both are asked about as any address is.
func (g *Guard) newClaims(login, envelope string, found []mailbox) *claims {
	c := &claims{guard: g, login: lookup.Fold(login), asked: map[string]answer{}}
	for _, address := range append([]string{envelope, login}, addresses(found)...) {
		if strings.Contains(address, "@") {
			c.known = append(c.known, senderOf(address))
		}
	}
	return c
}

// allowed reports whether the login may use an address in a header. Trouble
// counts only where nothing else says yes.
func (c *claims) allowed(ctx context.Context, address string) (bool, error) {
	judged := senderOf(address)
	candidates := judged.asked
	if c.guard.match == Domain && judged.domain != "" {
		for _, other := range append(c.known, senderOf("@"+judged.domain)) {
			if other.domain == judged.domain {
				candidates = append(candidates, other.asked...)
			}
		}
	}
	var trouble error
	for _, candidate := range candidates {
		owned, err := c.owns(ctx, candidate)
		if owned {
			return true, nil
		}
		trouble = cmp.Or(trouble, err)
	}
	return false, trouble
}

// owns asks the map about one folded address, once.
func (c *claims) owns(ctx context.Context, address string) (bool, error) {
	if known, asked := c.asked[address]; asked {
		return known.owned, known.err
	}
	logins, found, err := c.guard.senders.Lookup(ctx, address)
	a := answer{err: err}
	if err == nil && found {
		a.owned = slices.Contains(strings.FieldsFunc(lookup.Fold(logins), betweenLogins), c.login)
	}
	c.asked[address] = a
	return a.owned, a.err
}

// betweenLogins is what smtpd_sender_login_maps has between logins.
func betweenLogins(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }

// domainOf is what stands behind the last @.
func domainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

func addresses(found []mailbox) (all []string) {
	for _, m := range found {
		all = append(all, m.address)
	}
	return all
}
