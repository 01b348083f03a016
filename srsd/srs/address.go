package srs

import "strings"

// The tags, and the separator of all fields but the tag.
const (
	tag0 = "SRS0"
	tag1 = "SRS1"
	sep  = "="
)

// IsSRS reports whether address begins as an SRS address does: SRS0 or SRS1
// in any case, and one of the separators = + -.
func IsSRS(address string) bool {
	return len(address) > len(tag0) && isSeparator(address[len(tag0)]) &&
		(hasTag(address, tag0) || hasTag(address, tag1))
}

func isSeparator(c byte) bool {
	return c == '=' || c == '+' || c == '-'
}

// hasTag reports whether address begins with tag, in any case. (The one other
// letter that EqualFold takes for an S has two octets: too long to fit.)
func hasTag(address, tag string) bool {
	return len(address) >= len(tag) && strings.EqualFold(address[:len(tag)], tag)
}

// parse0 takes apart what stands between tag and @ of an SRS0 address. The
// first missing field is the error; a field may be empty.
func parse0(text string) (hash, stamp, host, user string, err error) {
	if text == "" {
		return "", "", "", "", NoHash0
	}
	hash, text, found := strings.Cut(text, sep)
	if !found {
		return "", "", "", "", NoStamp0
	}
	stamp, text, found = strings.Cut(text, sep)
	if !found {
		return "", "", "", "", NoHost0
	}
	host, user, found = strings.Cut(text, sep)
	if !found {
		return "", "", "", "", NoUser0
	}
	return hash, stamp, host, user, nil
}

// parse1 does the same for an SRS1 address. rest is the local part of the SRS0
// address at host, without the tag.
func parse1(text string) (hash, host, rest string, err error) {
	if text == "" {
		return "", "", "", NoHash1
	}
	hash, text, found := strings.Cut(text, sep)
	if !found {
		return "", "", "", NoHost1
	}
	host, rest, found = strings.Cut(text, sep)
	if !found {
		return "", "", "", NoUser1
	}
	return hash, host, rest, nil
}
