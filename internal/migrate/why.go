package migrate

import (
	"context"
	"slices"
	"strings"

	"postern/internal/lookup"
	"postern/internal/maps"
)

// why tells which of the differences that are meant this one is, or nothing.
// reason is what the new map says with a "not found".
func (c *comparer) why(ctx context.Context, old lookup.Map, d Difference, reason string) string {
	if !maps.IsBuiltIn(d.Map) {
		return ""
	}
	local, domain, _ := cutAddress(d.Key)
	if d.Old != "-" && d.New == "-" {
		return c.whyLost(ctx, old, d, reason)
	}
	switch d.Map {
	case maps.SenderLoginMaps:
		if d.Old != "-" && contains(d.New, d.Old) {
			return "a sender may belong to several logins: all are named"
		}
	case maps.AllowlistAliases, maps.Allowlist:
		if d.Old == "-" && c.knows(ctx, maps.VirtualAliases, "@"+domain) {
			return "a row @domain leads somewhere for every address there: the allow list has not asked for it"
		}
	case maps.AllowedSenders:
		if d.New == "OK" && strings.Trim(d.Old, "OK, ") == "" && d.Old != "-" {
			return "a sender of several logins: Postfix takes OK,OK for restrictions that it does not know, and defers"
		}
		if d.Old == "-" && c.knows(ctx, d.Map, "@"+domain) {
			return "a row @domain allows every sender there, as it does for the login"
		}
	case maps.BlockLocalSenders:
		if d.Old == "-" && c.below(ctx, domain) {
			return "below a hosted domain: forged subdomains are refused, too"
		}
		if d.Old != "-" {
			return "the same refusal in other words"
		}
	case maps.BannedDomains:
		if d.Old != "-" {
			return "the same ban in other words, or one of several"
		}
	}
	if d.Old == "-" && (local == "postmaster" || local == "abuse") {
		return "postmaster and abuse of a hosted domain reach the operator"
	}
	return ""
}

// whyLost explains what is not found any more.
func (c *comparer) whyLost(ctx context.Context, old lookup.Map, d Difference, reason string) string {
	local, domain, isAddress := cutAddress(d.Key)
	switch {
	case d.Map == maps.BannedDomains || d.Map == maps.SenderLoginMaps || d.Map == maps.AllowedSenders:
		if folded(d.Key) {
			return ""
		}
		return "accents and blanks make a difference, whatever the collation"
	case !isAddress:
		return "no address: a handle named like a domain opens nothing"
	case d.Map == maps.Allowlist && c.opened(ctx, old, domain):
		return "a handle named like the domain, or like one above it, opens nothing"
	case c.strange(ctx, domain):
		return "the domain has no active row in table domain"
	case c.reserved(local):
		return "a reserved handle: allow it with reserved_handles_allow, or add an alias row"
	case reason != "":
		return reason
	case !folded(d.Key):
		return "accents and blanks make a difference, whatever the collation"
	case c.deadEnd(ctx, d):
		return "leads in a circle, or to a hosted address that does not exist: refused at once instead of bounced later"
	}
	return ""
}

// opened reports an access table that says OK to the bare domain of an address,
// which access(5) asks after the address, or to a domain above it.
func (c *comparer) opened(ctx context.Context, old lookup.Map, domain string) bool {
	for more := domain != ""; more; _, domain, more = strings.Cut(domain, ".") {
		if _, found, err := old.Lookup(ctx, domain); found && err == nil {
			return true
		}
	}
	return false
}

// knows reports a key that a map of the new side has for sure.
func (c *comparer) knows(ctx context.Context, name, key string) bool {
	m := c.set[name]
	if m == nil {
		return false
	}
	_, found, err := m.Lookup(ctx, key)
	return found && err == nil
}

// strange reports a domain that the new side does not host.
func (c *comparer) strange(ctx context.Context, domain string) bool {
	m := c.set[maps.VirtualDomains]
	if m == nil {
		return false
	}
	_, found, err := m.Lookup(ctx, domain)
	return !found && err == nil
}

// hosted reports a domain that the new side hosts for sure.
func (c *comparer) hosted(ctx context.Context, domain string) bool {
	return c.knows(ctx, maps.VirtualDomains, domain)
}

// below reports a domain with a hosted one among its parents.
func (c *comparer) below(ctx context.Context, domain string) bool {
	for {
		_, parent, found := strings.Cut(domain, ".")
		if !found {
			return false
		}
		if c.hosted(ctx, parent) {
			return true
		}
		domain = parent
	}
}

// reserved reports a reserved handle that is not allowed.
func (c *comparer) reserved(local string) bool {
	settings := c.plan.Config
	return slices.Contains(settings.ReservedHandles, local) && !slices.Contains(settings.HandlesAllowed, local)
}

// deadEnd reports an old target all of which are addresses that the new side
// hosts and does not know.
func (c *comparer) deadEnd(ctx context.Context, d Difference) bool {
	virtual := c.set[maps.Virtual]
	if virtual == nil {
		return false
	}
	if d.Old == "OK" { // an allow list: the address itself is the target
		_, found, err := virtual.Lookup(ctx, d.Key)
		return !found && err == nil
	}
	for _, target := range strings.FieldsFunc(d.Old, func(r rune) bool { return r == ',' || r == ' ' }) {
		_, domain, ok := cutAddress(target)
		if !ok || !c.hosted(ctx, lookup.Fold(domain)) {
			return false
		}
		if _, found, err := virtual.Lookup(ctx, target); found || err != nil {
			return false
		}
	}
	return true
}

// contains reports whether a comma-separated list has a word.
func contains(list, word string) bool {
	for _, one := range strings.Split(list, ",") {
		if strings.EqualFold(strings.TrimSpace(one), strings.TrimSpace(word)) {
			return true
		}
	}
	return false
}

func cutAddress(key string) (local, domain string, ok bool) {
	i := strings.LastIndexByte(key, '@')
	if i < 0 {
		return "", key, false
	}
	return key[:i], key[i+1:], true
}

// folded reports whether a key is plain ASCII without blanks, so that no
// collation makes something else of it.
func folded(key string) bool {
	return strings.IndexFunc(key, func(r rune) bool { return r > '~' || r <= ' ' }) < 0
}
