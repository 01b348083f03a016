package spf

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"

	"postern/policyd"
)

// What an SPF check can be about (RFC 7208, section 2.4).
const (
	mailFrom = "mailfrom"
	helo     = "helo"
)

// identity is who is checked: RFC 7208's <ip>, <domain> and <sender>.
type identity struct {
	client netip.Addr
	kind   string // mailfrom, or helo for a null sender
	domain string // lower case, A-labels, no dot at the end; empty: nothing that could publish SPF
	local  string // part of the sender, for macros
	helo   string // for macros
}

// identityOf shares the memory of q. A null sender is checked by its HELO name,
// as postmaster there.
func identityOf(q *policyd.Request) identity {
	id := identity{client: q.Client, helo: strings.TrimSuffix(q.Helo, ".")}
	if q.Sender == "" || q.Sender == "<>" {
		id.kind, id.domain, id.local = helo, domainName(q.Helo), "postmaster"
		return id
	}
	// The last @: what is before it was quoted once, and may hold others.
	at := strings.LastIndexByte(q.Sender, '@')
	id.kind = mailFrom
	if at >= 0 {
		id.domain, id.local = domainName(q.Sender[at+1:]), q.Sender[:at]
	}
	if id.local == "" {
		id.local = "postmaster" // RFC 7208, section 4.3
	}
	return id
}

// clone is an identity that may be kept.
func (id identity) clone() identity {
	id.domain, id.local, id.helo = strings.Clone(id.domain), strings.Clone(id.local), strings.Clone(id.helo)
	return id
}

// key names an identity without holding it. Macros may ask for the local part
// and for HELO, so both count.
func (id identity) key() [sha256.Size]byte {
	address := id.client.As16()
	h := make([]byte, 0, 512)
	h = append(h, address[:]...)
	for _, part := range []string{id.domain, id.local, id.helo} {
		h = binary.AppendUvarint(h, uint64(len(part)))
		h = append(h, part...)
	}
	return sha256.Sum256(h)
}

// sender is the address as the library takes it apart, at the first @. Another
// in the local part becomes a letter that is in no host name either.
func (id identity) sender() string {
	return strings.ReplaceAll(id.local, "@", "?") + "@" + id.domain
}

// domainName is s as a domain that can publish SPF, else empty: an address
// literal, a single label, an address, what DNS cannot hold (RFC 7208, section
// 4.3).
func domainName(s string) string {
	s = strings.TrimSuffix(s, ".")
	for i := range len(s) {
		if s[i] >= 0x80 {
			ascii, err := idna.Lookup.ToASCII(s)
			if err != nil {
				return ""
			}
			s = ascii
			break
		}
	}
	if len(s) > 253 || !strings.Contains(s, ".") {
		return ""
	}
	label := ""
	for label = range strings.SplitSeq(s, ".") {
		if !isLabel(label) {
			return ""
		}
	}
	if strings.Trim(label, "0123456789") == "" {
		return "" // an IPv4 address
	}
	return strings.ToLower(s)
}

// isLabel reports letters, digits, hyphens and underscores.
func isLabel(s string) bool {
	if s == "" || len(s) > 63 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}
