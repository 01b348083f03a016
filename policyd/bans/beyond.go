package bans

import (
	"context"
	"fmt"
)

// beyond looks at what others know: whether the recipient's domain is hosted,
// where the recipient leads, and which hosts are behind that. Trouble counts
// only where nothing is found.
func (l *look) beyond(ctx context.Context) (finding, error) {
	if l.q.Recipient == "" {
		return finding{}, nil
	}
	local, domain, ok := cutAddress(l.q.Recipient)
	if !ok || local == "" || domain == "" {
		return finding{}, nil
	}
	name, destinations := l.name(local), l.wantsDestinations()
	if name == nil && !destinations {
		return finding{}, nil
	}
	hosted, err := l.check.hosted(ctx, domain)
	if err != nil {
		return finding{}, fmt.Errorf("is the recipient's domain hosted: %w", err)
	}
	if name != nil && hosted {
		l.note(Recipient, Name, local, name)
		return finding{place: Recipient, by: string(Name), entry: name, text: "Recipient banned"}, nil
	}
	if !destinations {
		return finding{}, nil
	}
	return l.destinations(ctx, hosted, address{local, domain})
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
	e := l.book.name(l.check.extension.Bare(local), l.now)
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

// destinations looks at all places where the recipient leads. A recipient
// elsewhere leads to itself. One banned place among several refuses the
// recipient: mail to it would be sent on, and only in part.
func (l *look) destinations(ctx context.Context, hosted bool, recipient address) (finding, error) {
	if !hosted {
		f := l.destination(l.q.Recipient, recipient)
		if f.entry != nil || l.check.mx == nil {
			return f, nil
		}
		return l.behind(ctx, []string{l.q.Recipient}), nil
	}
	targets, err := l.check.targets(ctx, l.q.Recipient)
	if err != nil {
		return finding{}, fmt.Errorf("where the recipient leads: %w", err)
	}
	for _, target := range targets {
		local, domain, _ := cutAddress(target)
		if f := l.destination(target, address{local, domain}); f.entry != nil {
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
		local, domain, ok := cutAddress(target)
		if !ok {
			continue
		}
		hosts, err := l.check.mx.hosts(ctx, domain)
		l.trouble(target, err)
		for _, host := range hosts {
			if f := l.host(ctx, target, host); f.entry != nil {
				f.hide = append(f.hide, hidden(address{local, domain})...)
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
