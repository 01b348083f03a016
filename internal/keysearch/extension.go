package keysearch

import (
	"strings"

	"postern/internal/lookup"
)

// extension is where the address extension of an unquoted local part begins,
// with its delimiter, or -1 where there is none: at the first byte that is in
// recipient_delimiter. A local part is never left empty, and some are never
// split.
func (o *Options) extension(local string) int {
	at := strings.IndexAny(local, o.RecipientDelimiter)
	if at <= 0 || o.neverSplit(local) {
		return -1
	}
	return at
}

// WithoutExtension is an unquoted address without its address extension.
func (o *Options) WithoutExtension(address string) string {
	domain := strings.LastIndexByte(address, '@')
	if domain < 0 {
		domain = len(address)
	}
	if at := o.extension(address[:domain]); at > 0 {
		return address[:at] + address[domain:]
	}
	return address
}

// neverSplit names the local parts that Postfix keeps whole whatever the
// delimiter is, and with a hyphen among the delimiters those of mailing lists.
func (o *Options) neverSplit(local string) bool {
	if equalASCII(local, "postmaster") || equalASCII(local, "mailer-daemon") {
		return true
	}
	bounce := o.DoubleBounceSender
	if bounce == "" {
		bounce = "double-bounce"
	}
	if lookup.Fold(local) == lookup.Fold(bounce) {
		return true
	}
	if o.SplitOwnerRequest || !strings.Contains(o.RecipientDelimiter, "-") {
		return false
	}
	const owner, request = "owner-", "-request"
	tail := len(local) - len(request)
	return len(local) >= len(owner) && equalASCII(local[:len(owner)], owner) ||
		tail > 0 && equalASCII(local[tail:], request)
}

// equalASCII compares as strcasecmp(3) does in the C locale: "poſtmaster",
// which strings.EqualFold takes for "postmaster", is another name.
func equalASCII(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
