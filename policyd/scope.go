package policyd

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/gaissmai/bart"
)

// Scope limits a check, or a rule of one, to some requests. An empty field
// covers all.
type Scope struct {
	Listeners []string // as Request.Listener
	States    []string // protocol_state
	Contexts  []string // policy_context
	Clients   Networks // an address that cannot be parsed is in no network
	Logins    Logins
}

// Covers reports whether the check is asked about q.
func (s *Scope) Covers(q *Request) bool {
	return among(s.Listeners, q.Listener) && among(s.States, q.State) && among(s.Contexts, q.Context) &&
		s.Clients.covers(q.Client) && s.Logins.covers(q.Login)
}

func among(list []string, word string) bool { return len(list) == 0 || slices.Contains(list, word) }

// Networks is a list of addresses and networks; "!" before one takes it out
// again, as in Postfix's own lists, whatever the order.
type Networks struct{ in, out *bart.Lite }

// ParseNetworks reads addresses and CIDR networks, each perhaps with a "!".
func ParseNetworks(list []string) (Networks, error) {
	var n Networks
	for _, word := range list {
		bare, not := strings.CutPrefix(word, "!")
		prefix, err := ParseNetwork(bare)
		if err != nil {
			return Networks{}, err
		}
		into := &n.in
		if not {
			into = &n.out
		}
		if *into == nil {
			*into = new(bart.Lite)
		}
		(*into).Insert(prefix)
	}
	return n, nil
}

// ParseNetwork reads an address, which is a network of one, or a CIDR network.
// Brackets around IPv6, as in Postfix's mynetworks, are taken off, and bits of
// the host are cleared.
func ParseNetwork(s string) (netip.Prefix, error) {
	bare := strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(s), "[", ""), "]", "")
	if address, err := netip.ParseAddr(bare); err == nil && address.Zone() == "" {
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(bare)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%.100q is no address and no network: write 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32", s)
	}
	if address := prefix.Addr(); address.Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(address.Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked(), nil
}

// Contains reports an address in one of the networks; the empty list has none.
func (n Networks) Contains(a netip.Addr) bool {
	return n.in != nil && a.IsValid() && n.in.Contains(a) && !(n.out != nil && n.out.Contains(a))
}

// covers is Contains, but a list without any address to take in covers all.
func (n Networks) covers(a netip.Addr) bool {
	switch {
	case n.in == nil && n.out == nil:
		return true
	case n.in == nil:
		return !a.IsValid() || !n.out.Contains(a)
	}
	return n.Contains(a)
}

// Logins is a list of logins: a name, @DOMAIN for all names there, "inbound"
// for mail without a login and "submission" for any login; "!" before one takes
// it out again. Case does not matter.
type Logins []string

func (l Logins) covers(login string) bool {
	if len(l) == 0 {
		return true
	}
	in, onlyOut := false, true
	for _, word := range l {
		bare, not := strings.CutPrefix(word, "!")
		if not && isLogin(bare, login) {
			return false
		}
		onlyOut = onlyOut && not
		in = in || !not && isLogin(bare, login)
	}
	return in || onlyOut
}

func isLogin(word, login string) bool {
	switch word {
	case "inbound":
		return login == ""
	case "submission":
		return login != ""
	}
	if strings.HasPrefix(word, "@") {
		return len(login) > len(word) && strings.EqualFold(login[len(login)-len(word):], word)
	}
	return login != "" && strings.EqualFold(word, login)
}
