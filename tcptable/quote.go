package tcptable

import "bytes"

// plain reports whether the byte is sent as it is (util/hex_quote.c).
func plain(c byte) bool { return c > ' ' && c <= '~' && c != '%' }

// quotedLen is the length of s after quoting.
func quotedLen(s string) int {
	n := len(s)
	for i := range len(s) {
		if !plain(s[i]) {
			n += 2
		}
	}
	return n
}

// appendQuoted appends s with every byte that is not plain as %XX. Spaces stay
// as they are if they may, and digits are those of hex.
func appendQuoted(dst []byte, s string, spaces bool, hex string) []byte {
	done := 0 // of s
	for i := range len(s) {
		c := s[i]
		if plain(c) || c == ' ' && spaces {
			continue
		}
		dst = append(dst, s[done:i]...)
		dst = append(dst, '%', hex[c>>4], hex[c&15])
		done = i + 1
	}
	return append(dst, s[done:]...)
}

const (
	upperHex = "0123456789ABCDEF"
	lowerHex = "0123456789abcdef"
)

// unquote decodes %XX and takes all else as it is.
func unquote(quoted []byte) (string, error) {
	at := bytes.IndexByte(quoted, '%')
	if at < 0 {
		return string(quoted), nil
	}
	var scratch [256]byte
	raw := append(scratch[:0], quoted[:at]...)
	for i := at; i < len(quoted); i++ {
		c := quoted[i]
		if c == '%' {
			if i+2 >= len(quoted) || !isHex(quoted[i+1]) || !isHex(quoted[i+2]) {
				return "", malformed("%.5q: two hexadecimal digits are expected after %%", quoted[i:])
			}
			c = unhex(quoted[i+1])<<4 | unhex(quoted[i+2])
			i += 2
		}
		raw = append(raw, c)
	}
	return string(raw), nil
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}
