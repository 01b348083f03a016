package srs

import (
	"fmt"
	"strings"
)

// Bounds and defaults of Options.
const (
	defaultSeparator = '='
	defaultHash      = 4
	defaultLength    = 512
	leastLength      = 64
	mostLength       = 4096 // tcp_table(5): no request or reply is longer
	mostDomain       = 255  // RFC 5321, section 4.5.3.1.2
)

// Options say how addresses are written and read. But for Domain, the zero
// value is what PostSRSd 2.x does by default, but for the bound of MaxLength.
type Options struct {
	// Domain is what stands behind the @ of a rewritten address. A leading
	// dot is removed. It has letters, digits, "-", "_" and ".", octets
	// above ASCII (an internationalized domain), or is an address literal
	// like [192.0.2.1].
	Domain string

	// Separator stands behind SRS0 and SRS1: '=', '+' or '-'. 0 means '='.
	// All three are read.
	Separator byte

	// Alphabet is how hashes are written. Both are read.
	Alphabet Alphabet

	// HashLength is how many characters of a hash are written, 1 to 27; of
	// a longer hash only so many are looked at. 0 means 4.
	// HashMinimum is how many a hash must have at least, 1 to HashLength.
	// 0 means 4.
	HashLength, HashMinimum int

	// Early is how many days a time stamp may lie ahead, 0 to 21. PostSRSd
	// allows none, so that an address made after midnight is refused by a
	// host whose clock is a little behind.
	Early int

	// MaxLength is how many octets an address may have, given or made, 64 to
	// 4096. 0 means 512. PostSRSd 1.x makes addresses of up to 1023; 2.x
	// takes up to 512 and, as it adds to them freely, needs 1023 here too.
	MaxLength int

	// Strict has Forward refuse, with NotEmbeddable, what could not be given
	// back: "=" or "@" in the domain, and characters that stand in a local
	// part only with quotes (RFC 5321, section 4.1.2), quotes and the
	// brackets of address literals among them. And a local part that is
	// just a tag (srs1@example.org) is the plain user that it looks like.
	// PostSRSd does otherwise: see the package's Known limits.
	Strict bool
}

// Rewriter makes SRS addresses and takes them apart. It is immutable and safe
// for concurrent use.
type Rewriter struct {
	domain      string
	separator   byte
	alphabet    Alphabet
	hashLength  int
	hashMinimum int
	early       int
	maxLength   int
	strict      bool
}

// New checks o and returns a Rewriter that does as it says. Its errors name
// the field and what it may be.
func New(o Options) (*Rewriter, error) {
	r := &Rewriter{
		domain:      strings.TrimPrefix(o.Domain, "."),
		separator:   orElse(o.Separator, defaultSeparator),
		alphabet:    o.Alphabet,
		hashLength:  orElse(o.HashLength, defaultHash),
		hashMinimum: orElse(o.HashMinimum, defaultHash),
		early:       o.Early,
		maxLength:   orElse(o.MaxLength, defaultLength),
		strict:      o.Strict,
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("srs: %w", err)
	}
	return r, nil
}

func orElse[T byte | int](value, fallback T) T {
	if value == 0 {
		return fallback
	}
	return value
}

func (r *Rewriter) check() error {
	if err := checkDomain(r.domain); err != nil {
		return err
	}
	switch {
	case !isSeparator(r.separator):
		return fmt.Errorf("separator %q: it must be one of = + -", r.separator)
	case r.alphabet != Base64URL && r.alphabet != Base64:
		return fmt.Errorf("alphabet %d: it must be Base64URL or Base64", r.alphabet)
	case r.hashLength < 1 || r.hashLength > hashMax:
		return fmt.Errorf("hash length %d: it must be 1 to %d (%d is usual)", r.hashLength, hashMax, defaultHash)
	case r.hashMinimum < 1 || r.hashMinimum > r.hashLength:
		return fmt.Errorf("hash minimum %d: it must be 1 to the hash length, which is %d", r.hashMinimum, r.hashLength)
	case r.early < 0 || r.early > MaxAgeDays:
		return fmt.Errorf("early %d: it must be 0 to %d days", r.early, MaxAgeDays)
	case r.maxLength < leastLength || r.maxLength > mostLength:
		return fmt.Errorf("maximum length %d: it must be %d to %d octets", r.maxLength, leastLength, mostLength)
	}
	return nil
}

// checkDomain refuses what would make every address that is sent out invalid,
// such as a Postfix parameter that was left unexpanded.
func checkDomain(domain string) error {
	if domain == "" {
		return fmt.Errorf("domain is empty: it must be a domain whose mail arrives here, such as srs.example.com")
	}
	if len(domain) > mostDomain {
		return fmt.Errorf("domain has %d octets: it must have at most %d", len(domain), mostDomain)
	}
	for _, c := range []byte(domain) {
		if !inDomain(c) {
			return fmt.Errorf("domain %q has %q in it: it must be a domain alone, such as srs.example.com", domain, c)
		}
	}
	return nil
}

func inDomain(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c >= 0x80:
		return true
	}
	return strings.IndexByte("-._[]:", c) >= 0
}
