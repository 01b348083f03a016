package srs

import (
	"strings"
	"time"
)

// Forward returns the address under which mail from address is sent on: an
// SRS0 address, or an SRS1 address of an SRS0 or SRS1 address of others. It
// knows no local domains: whether to rewrite at all is for the caller to say.
// Errors are of type Error.
func (r *Rewriter) Forward(keys Keys, now time.Time, address string) (string, error) {
	if len(address) > r.maxLength {
		return "", TooLong
	}
	user, host, found := strings.Cut(address, "@")
	if !found {
		return "", NoAt
	}
	if r.strict && !embeddable(user, host) {
		return "", NotEmbeddable
	}
	switch {
	case r.isTagged(user, tag1):
		// Behind the tag and one more octet: a bare tag's fields are
		// looked for behind the @.
		text := host
		if len(user) > len(tag1) {
			text = user[len(tag1)+1:]
		}
		_, first, rest, err := parse1(text)
		switch {
		case err == nil:
			return r.compose(keys, tag1, first, rest)
		case !r.strict:
			return "", err
		}
	case r.isTagged(user, tag0):
		return r.compose(keys, tag1, host, user[len(tag0):])
	}
	return r.compose(keys, tag0, Stamp(now), host, user)
}

// isTagged reports whether a local part is an SRS address's. PostSRSd also
// takes the bare tag for one.
func (r *Rewriter) isTagged(user, tag string) bool {
	if len(user) == len(tag) {
		return !r.strict && hasTag(user, tag)
	}
	return hasTag(user, tag) && isSeparator(user[len(tag)])
}

// embeddable reports whether an address survives being the local part of
// another: Reverse finds the same user and host in it, and no character needs
// quotes.
func embeddable(user, host string) bool {
	for i := range len(host) {
		if c := host[i]; c == '=' || c == '@' || needsQuotes(c) {
			return false
		}
	}
	for i := range len(user) {
		if needsQuotes(user[i]) {
			return false
		}
	}
	return true
}

// needsQuotes reports what stands in a local part with quotes only. An octet
// above ASCII does not (RFC 6531, section 3.3).
func needsQuotes(c byte) bool {
	switch c {
	case '"', '\\', '(', ')', '<', '>', '[', ']', ':', ';', ',':
		return true
	}
	return c <= ' ' || c == 0x7f
}

// compose signs the fields and writes the address.
func (r *Rewriter) compose(keys Keys, tag string, fields ...string) (string, error) {
	length := len(tag) + 1 + r.hashLength + 1 + len(r.domain)
	for _, field := range fields {
		length += len(sep) + len(field)
	}
	if length > r.maxLength {
		return "", TooLong
	}
	key := keys.signing()
	if key == nil {
		return "", NoSecrets
	}
	var hash [hashMax]byte
	key.sign(&hash, r.alphabet, fields...)

	var b strings.Builder
	b.Grow(length)
	b.WriteString(tag)
	b.WriteByte(r.separator)
	b.Write(hash[:r.hashLength])
	for _, field := range fields {
		b.WriteString(sep)
		b.WriteString(field)
	}
	b.WriteByte('@')
	b.WriteString(r.domain)
	return b.String(), nil
}
