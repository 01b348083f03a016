package keysearch

import "strings"

// Postfix keeps addresses unquoted (internal form) and asks tables for them
// quoted (external form), as in RFC 822: john doe@x is "john doe"@x.

// quote is the external form of an internal address. What follows the last @
// is the domain and is left alone, and so is a source route (@a,@b:) in front.
func quote(address string) string {
	start := routeEnd(address)
	end := strings.LastIndexByte(address[start:], '@')
	if end < 0 {
		end = len(address)
	} else {
		end += start
	}
	if isDotString(address[start:end]) {
		return address
	}
	return address[:start] + quoteString(address[start:end]) + address[end:]
}

// quoteLocal is the external form of a local part that stands alone.
func quoteLocal(local string) string {
	start := routeEnd(local)
	if isDotString(local[start:]) {
		return local
	}
	return local[:start] + quoteString(local[start:])
}

// unquote is the internal form of an external address.
func unquote(address string) string {
	if !strings.ContainsAny(address, `"\`) {
		return address
	}
	start := routeEnd(address)
	internal := append(make([]byte, 0, len(address)), address[:start]...)
	quoted, at, domain := false, -1, ""
	for i := start; i < len(address); i++ {
		switch c := address[i]; {
		case c == '"':
			quoted = !quoted
			continue
		case c == '@' && !quoted:
			at, domain = len(internal), address[i:]
		case c == '\\':
			if i++; i == len(address) {
				continue
			}
		}
		internal = append(internal, address[i])
	}
	if at < 0 {
		return string(internal)
	}
	return string(internal[:at]) + domain
}

// routeEnd is the length of the source route that an address begins with.
func routeEnd(address string) int {
	if !strings.HasPrefix(address, "@") {
		return 0
	}
	return strings.IndexByte(address, ':') + 1
}

// isDotString tells whether a local part needs no quotes: atoms with single
// dots between them. Bytes beyond ASCII are taken as letters.
func isDotString(local string) bool {
	if local == "" || local[0] == '.' || local[len(local)-1] == '.' {
		return false
	}
	for i := 0; i < len(local); i++ {
		c := local[i]
		if c <= ' ' || c == 0x7f || strings.IndexByte(`()<>@,;:\"[]`, c) >= 0 {
			return false
		}
		if c == '.' && local[i+1] == '.' {
			return false
		}
	}
	return true
}

// quoteString puts text between quotes.
func quoteString(text string) string {
	var b strings.Builder
	b.Grow(len(text) + 2)
	b.WriteByte('"')
	for i := 0; i < len(text); i++ {
		if c := text[i]; c == '"' || c == '\\' || c == '\r' {
			b.WriteByte('\\')
		}
		b.WriteByte(text[i])
	}
	b.WriteByte('"')
	return b.String()
}
