package keysearch

import (
	"net/netip"
	"strconv"
	"strings"
)

// maxDomain is the longest domain name of DNS, in bytes (RFC 1035, 2.3.4).
// Parents beyond it are passed over: a key of 5,000 labels is no reason to ask
// a database 5,000 times.
const maxDomain = 255

// parents yields the parents of a domain up to and with the top-level one: of
// a.b.c either b.c and c, or .b.c and .c. The result says whether to go on.
func parents(domain string, dotted bool, yield func(string) bool) bool {
	for name := domain; name != ""; {
		dot := strings.IndexByte(name[1:], '.')
		if dot < 0 {
			break
		}
		name = name[1+dot:]
		if !dotted {
			name = name[1:]
		}
		if name != "" && len(name) <= maxDomain && !yield(name) {
			return false
		}
	}
	return true
}

// networks yields the truncated forms of an address: 1.2.3, 1.2 and 1 of
// 1.2.3.4; 2001:db8:, 2001:db8 and 2001 of 2001:db8::1.
func networks(address string, yield func(string) bool) bool {
	delimiter := byte('.')
	if strings.IndexByte(address, ':') >= 0 {
		delimiter = ':'
	}
	for {
		at := strings.LastIndexByte(address, delimiter)
		if at <= 0 {
			return true
		}
		address = address[:at]
		if !yield(address) {
			return false
		}
	}
}

// isAddress tells the addresses from the names, as Postfix does before it
// looks for the parents of a name: 01.2.3.4 is an address, 0.1.2.3 is not.
func isAddress(key string) bool {
	if strings.IndexByte(key, ':') >= 0 {
		ip, err := netip.ParseAddr(key)
		return err == nil && ip.Zone() == ""
	}
	parts := strings.Split(key, ".")
	if len(parts) != 4 {
		return false
	}
	for _, part := range parts {
		if n, err := strconv.ParseUint(part, 10, 64); err != nil || n > 255 {
			return false
		}
	}
	return strings.Trim(parts[0], "0") != "" || strings.Trim(key, "0.") == ""
}
