package bans

import (
	"net/netip"
	"strings"
	"time"

	"postern/policyd"
)

// look is one request, held against one book at one moment.
type look struct {
	check *Check
	book  *book
	q     *policyd.Request
	now   time.Time
	to    address // the recipient
}

// inMemory looks at all that needs nobody else.
func (l *look) inMemory() finding {
	if f := l.client(); f.entry != nil {
		return f
	}
	if f := l.helo(); f.entry != nil {
		return f
	}
	if f := l.sender(); f.entry != nil {
		return f
	}
	return l.recipient()
}

func (l *look) client() finding {
	const text = "Client banned"
	set := l.check.client
	if set.ip && l.q.Client.IsValid() {
		e := l.book.ip(l.q.Client, l.now)
		if l.note(Client, IP, l.q.ClientAddress, e); e != nil {
			return finding{place: Client, by: string(IP), entry: e, text: text}
		}
	}
	if set.domain && l.q.ClientName != "" && l.q.ClientName != "unknown" {
		e := l.book.domain(asciiDomain(l.q.ClientName), l.now)
		if l.note(Client, Domain, l.q.ClientName, e); e != nil {
			return finding{place: Client, by: string(Domain), entry: e, text: text}
		}
	}
	return finding{}
}

func (l *look) helo() finding {
	const text = "HELO name banned"
	set := l.check.helo
	if l.q.Helo == "" {
		return finding{}
	}
	if set.domain && !l.isClientName(l.q.Helo) {
		e := l.book.domain(asciiDomain(l.q.Helo), l.now)
		if l.note(Helo, Domain, l.q.Helo, e); e != nil {
			return finding{place: Helo, by: string(Domain), entry: e, text: text}
		}
	}
	if address, ok := literal(l.q.Helo); ok && set.ip {
		e := l.book.ip(address, l.now)
		if l.note(Helo, IP, l.q.Helo, e); e != nil {
			return finding{place: Helo, by: string(IP), entry: e, text: text}
		}
	}
	return finding{}
}

// isClientName reports a name that client has looked at already: that of most
// servers. Who asks for an explanation is told both.
func (l *look) isClientName(name string) bool {
	return name == l.q.ClientName && name != "unknown" && l.check.client.domain && !l.q.Explaining()
}

// literal reads an address literal (RFC 5321, section 4.1.3), brackets or not.
// A host name never ends with a digit, and trying one would cost an error.
func literal(name string) (netip.Addr, bool) {
	bare := strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if len(bare) > len("ipv6:") && strings.EqualFold(bare[:len("ipv6:")], "ipv6:") {
		bare = bare[len("ipv6:"):]
	}
	if bare == "" || len(bare) == len(name) && !isDigit(bare[len(bare)-1]) && !strings.Contains(bare, ":") {
		return netip.Addr{}, false
	}
	address, err := netip.ParseAddr(bare)
	return address.Unmap().WithZone(""), err == nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// sender leaves the null sender alone: a bounce has none to ban.
func (l *look) sender() finding {
	if l.q.Sender == "" || l.q.Sender == "<>" || !l.check.sender.any() {
		return finding{}
	}
	return l.address(Sender, "Sender banned", l.check.sender, l.q.Sender, addressOf(l.q.Sender))
}

func (l *look) recipient() finding {
	if l.q.Recipient == "" || !l.check.recipient.any() {
		return finding{}
	}
	return l.address(Recipient, "Recipient banned", l.check.recipient, l.q.Recipient, l.to)
}

// address looks at an address of a place: the whole, without its extension, and
// its domain.
func (l *look) address(place Place, text string, set kinds, given string, a address) finding {
	if set.email && a.local != "" {
		e := l.email(a)
		if l.note(place, Email, given, e); e != nil {
			return finding{place: place, by: string(Email), entry: e, text: text}
		}
	}
	if set.domain && a.domain != "" {
		e := l.book.domain(a.domain, l.now)
		if l.note(place, Domain, a.domain, e); e != nil {
			return finding{place: place, by: string(Domain), entry: e, text: text}
		}
	}
	return finding{}
}

// email is the ban of an address, as it is or without its extension.
func (l *look) email(a address) *entry {
	if e := l.book.email(a, l.now); e != nil {
		return e
	}
	bare := l.check.extension.WithoutExtension(a.local)
	if bare == a.local {
		return nil
	}
	return l.book.email(address{bare, a.domain}, l.now)
}

// note tells what was looked at. It takes no interfaces, so that the way of
// mail pays nothing for it.
func (l *look) note(place Place, kind Kind, what string, e *entry) {
	if !l.q.Explaining() {
		return
	}
	if e == nil {
		l.q.Notef("%s %q: no ban of kind %s", place, what, kind)
		return
	}
	l.q.Notef("%s %q: %v", place, what, e)
}
