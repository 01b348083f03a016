package spf

import (
	"fmt"
	"strings"

	"postern/internal/lookup"
)

// senders is a list of addresses and domains.
type senders struct {
	addresses map[string]bool // folded
	domains   map[string]bool
	parents   map[string]bool // of the domains meant
}

// parseSenders reads addresses, domains (perhaps as @domain) and .domains.
func parseSenders(list []string) (senders, error) {
	s := senders{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for _, word := range list {
		local, name, isAddress := cutLast(word)
		if !isAddress {
			name = word
		}
		parent := !isAddress && strings.HasPrefix(name, ".")
		domain := domainName(strings.TrimPrefix(name, "."))
		switch {
		case domain == "" || strings.HasPrefix(name, ".") && isAddress:
			return senders{}, fmt.Errorf("spf: skip senders: %.100q is no address and no domain: write user@example.com, example.com, or .example.com for all domains below it", word)
		case parent:
			s.parents[domain] = true
		case isAddress && local != "":
			s.addresses[lookup.Fold(local)+"@"+domain] = true
		default:
			s.domains[domain] = true
		}
	}
	return s, nil
}

func cutLast(address string) (local, domain string, found bool) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return address, "", false
	}
	return address[:at], address[at+1:], true
}

// has reports whether an identity is on the list. A null sender has no address.
func (s senders) has(id identity) bool {
	if s.domains[id.domain] {
		return true
	}
	if len(s.addresses) > 0 && id.kind == mailFrom && s.addresses[lookup.Fold(id.local)+"@"+id.domain] {
		return true
	}
	if len(s.parents) == 0 {
		return false
	}
	for rest := id.domain; ; {
		_, parent, found := strings.Cut(rest, ".")
		if !found {
			return false
		}
		if s.parents[parent] {
			return true
		}
		rest = parent
	}
}
