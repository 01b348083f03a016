package bans

import (
	"context"
	"fmt"
)

// beyond looks at what others know: whether the recipient's domain is hosted,
// where the recipient leads, and which hosts are behind that. Trouble counts
// only where nothing is found.
func (l *look) beyond(ctx context.Context) (finding, error) {
	if l.to.local == "" || l.to.domain == "" {
		return finding{}, nil
	}
	name, destinations := l.name(l.to.local), l.wantsDestinations()
	if name == nil && !destinations {
		return finding{}, nil
	}
	hosted, err := l.check.hosted(ctx, l.to.domain)
	if err != nil {
		return finding{}, fmt.Errorf("is the recipient's domain hosted: %w", err)
	}
	if name != nil && hosted {
		l.note(Recipient, Name, l.to.local, name)
		return finding{place: Recipient, by: string(Name), entry: name, text: "Recipient banned"}, nil
	}
	if !destinations {
		return finding{}, nil
	}
	if !hosted {
		return l.foreign(ctx), nil
	}
	return l.destinations(ctx)
}

// name is the ban of the recipient's local part, which acts at hosted domains
// only: there is an admin everywhere.
func (l *look) name(local string) *entry {
	if !l.check.recipient.name {
		return nil
	}
	if e := l.book.name(local, l.now); e != nil {
		return e
	}
	e := l.book.name(l.check.extension.WithoutExtension(local), l.now)
	if e == nil {
		l.note(Recipient, Name, local, nil)
	}
	return e
}

// wantsDestinations reports whether it is worth asking where the recipient
// leads: at RCPT, at DATA for the only recipient, and if anything could act.
func (l *look) wantsDestinations() bool {
	set := l.check.destination
	if l.q.State != "RCPT" && l.q.State != "DATA" || !set.any() {
		return false
	}
	return set.email && len(l.book.emails) > 0 ||
		set.domain && len(l.book.domains)+len(l.book.exact) > 0 ||
		l.check.mx != nil && (len(l.book.domains) > 0 || l.check.mx.byAddress && l.book.sizes[IP] > 0)
}

// foreign looks at a recipient elsewhere, which leads to itself.
func (l *look) foreign(ctx context.Context) finding {
	if !l.check.recipient.covers(l.check.destination) {
		if f := l.destination(l.q.Recipient, l.to); f.entry != nil {
			return f
		}
	}
	if l.check.mx == nil {
		return finding{}
	}
	return l.behind(ctx, []string{l.q.Recipient})
}

// destinations looks at all places where the recipient leads. One banned place
// among several refuses the recipient: mail to it would be sent on, and only
// in part.
func (l *look) destinations(ctx context.Context) (finding, error) {
	targets, err := l.check.targets(ctx, l.q.Recipient)
	if err != nil {
		return finding{}, fmt.Errorf("where the recipient leads: %w", err)
	}
	for _, target := range targets {
		if f := l.destination(target, addressOf(target)); f.entry != nil {
			return f, nil
		}
	}
	if l.check.mx == nil {
		return finding{}, nil
	}
	return l.behind(ctx, targets), nil
}

func (l *look) destination(given string, a address) finding {
	f := l.address(Destination, refused, l.check.destination, given, a)
	if f.entry != nil {
		f.hide = append(hidden(a), f.entry.target)
	}
	return f
}

// refused is all that a sender learns of a destination: where an alias leads is
// the secret of who has it.
const refused = "Mail to this address is not accepted"

// behind looks at the hosts behind destinations.
func (l *look) behind(ctx context.Context, targets []string) finding {
	ctx, cancel := context.WithTimeout(ctx, l.check.mx.timeout)
	defer cancel()
	for _, target := range targets {
		a := addressOf(target)
		hosts, err := l.check.mx.hosts(ctx, a.domain)
		l.trouble(target, err)
		for _, host := range hosts {
			if f := l.host(ctx, target, host); f.entry != nil {
				f.hide = append(f.hide, hidden(a)...)
				return f
			}
		}
	}
	return finding{}
}

// host looks at a host by name and, if that is wanted, by address.
func (l *look) host(ctx context.Context, target, name string) finding {
	if e := l.book.domain(name, l.now); l.behindNote(target, name, Domain, e) != nil {
		return finding{place: Destination, by: "mx", entry: e, text: refused, hide: []string{name, e.target}}
	}
	if !l.check.mx.byAddress {
		return finding{}
	}
	addresses, err := l.check.mx.addresses(ctx, name)
	l.trouble(name, err)
	for _, a := range addresses {
		if e := l.book.ip(a, l.now); l.behindNote(target, a.String(), IP, e) != nil {
			return finding{place: Destination, by: "mx_ip", entry: e, text: refused, hide: []string{name, a.String(), e.target}}
		}
	}
	return finding{}
}

// behindNote notes what a host behind a destination is, and returns e.
func (l *look) behindNote(target, host string, kind Kind, e *entry) *entry {
	if l.q.Explaining() {
		l.note(Destination, kind, target+" by way of "+host, e)
	}
	return e
}

// trouble of DNS lets the mail pass: it is not the sender's.
func (l *look) trouble(name string, err error) {
	if err != nil && l.q.Explaining() {
		l.q.Notef("%s %q: DNS does not tell what is behind it, which lets the mail pass: %v", Destination, name, err)
	}
}
