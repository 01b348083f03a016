package keysearch

import (
	"fmt"
	"strings"
)

// Class is the kind of Postfix table that is searched.
type Class string

// The classes, and the Postfix parameters whose tables they stand for.
const (
	// Exact asks the folded key alone: virtual_alias_domains,
	// virtual_mailbox_domains, mydestination, check_sasl_access.
	Exact Class = "exact"
	// Virtual is virtual_alias_maps.
	Virtual Class = "virtual"
	// Canonical is canonical_maps, sender_canonical_maps,
	// recipient_canonical_maps and smtp_generic_maps.
	Canonical Class = "canonical"
	// AccessAddress is check_sender_access and check_recipient_access.
	AccessAddress Class = "access-address"
	// AccessDomain is check_client_access, check_helo_access,
	// check_reverse_client_hostname_access and check_*_{a,mx,ns}_access.
	AccessDomain Class = "access-domain"
	// Transport is transport_maps.
	Transport Class = "transport"
	// SenderLogin is smtpd_sender_login_maps.
	SenderLogin Class = "sender-login"
	// Address is every other table of addresses: relay_recipient_maps,
	// virtual_mailbox_maps of smtpd(8), local_recipient_maps, relocated_maps,
	// *_bcc_maps, sender_dependent_*_maps, smtp_sasl_password_maps.
	Address Class = "address"
	// Domain is relay_domains.
	Domain Class = "domain"
)

// Classes lists all classes in the order of the manual.
func Classes() []Class {
	return []Class{Exact, Virtual, Canonical, AccessAddress, AccessDomain,
		Transport, SenderLogin, Address, Domain}
}

// ParseClass reads a class as the configuration spells it. The error lists
// the right spellings.
func ParseClass(s string) (Class, error) {
	var names []string
	for _, class := range Classes() {
		if s == string(class) {
			return class, nil
		}
		names = append(names, string(class))
	}
	return "", fmt.Errorf("search: no class %.40q, right would be one of %s", s, strings.Join(names, ", "))
}

// rewrites tells the classes whose values are addresses that take the place
// of the key, so that an unmatched extension goes with them.
func (c Class) rewrites() bool {
	return c == Virtual || c == Canonical
}

// dotted tells whether the parents of a domain are asked with a leading dot.
func (c Class) dotted(style ParentStyle) bool {
	if style == ParentsDefault {
		return c == Transport
	}
	return style == ParentsDotted
}
