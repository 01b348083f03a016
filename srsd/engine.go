package srsd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"postern/internal/lookup"
	"postern/srsd/srs"
)

// maxLocal is the length of a local part that every host takes (RFC 5321,
// section 4.5.3.1.1), in octets.
const maxLocal = 64

// Envelope says where the original sender goes.
type Envelope int

// Ways to keep an original sender.
const (
	Embedded Envelope = iota // in the new address, whatever its length
	Database                 // in the store, behind an alias
	Hybrid                   // in the new address if bounces reach that: a local part of at most 64 octets, and no route
)

// Store keeps senders that are not embedded, by alias.
type Store interface {
	Put(ctx context.Context, alias, address string) error
	Get(ctx context.Context, alias string) (address string, found bool, err error)
}

// Domains is a set of domains: exact, or below one with a leading dot, in any
// case.
type Domains interface {
	Contains(domain string) bool
}

// routing are characters that make Postfix take a local part for a route over
// other hosts: it refuses bounces to such an address (allow_untrusted_routing).
const routing = "%!"

// Engine rewrites and turns back. The fields are set once, before use; Rewriter,
// Ring, Domain and Now must be.
type Engine struct {
	Rewriter *srs.Rewriter
	Ring     *Ring
	Domain   string // the SRS domain, which is local whatever Local says
	Now      func() time.Time

	// Local domains are not rewritten; nil: there are none but Domain.
	Local Domains

	// Hosted is asked for domains that are not in Local, nil for none: those
	// of the database, live.
	Hosted func(ctx context.Context, domain string) (bool, error)

	Envelope Envelope
	Store    Store // nil without Database and Hybrid

	// Alias of a stored sender, without @1. Nil as in PostSRSd 1.x: an alias
	// is an address like others.
	Alias func(address string) string

	OwnDomain bool // turn back addresses of Domain only

	Metrics *Metrics // may be nil
}

// storeHost stands in an SRS0 address for the host of a sender in the store,
// as PostSRSd 2.x writes it.
const storeHost = "1"

// Texts behind "not found", PostSRSd's but for the last.
const (
	textNoDomain = "No domain."
	textLocal    = "Need not rewrite local domain."
	textNotOurs  = "Not an address of the SRS domain."
)

// What PostSRSd 2.x says of a valid address whose sender is not at hand.
const (
	unknownAlias srs.Error = "Unknown alias."
	noDatabase   srs.Error = "No database for alias."
)

// rewrite signs a sender. An srs.Error says what is wrong with the address, any
// other error is trouble.
func (e *Engine) rewrite(ctx context.Context, address string) (string, error) {
	if e.Envelope == Database && !srs.IsSRS(address) {
		return e.stored(ctx, address)
	}
	now := e.Now()
	rewritten, err := e.Rewriter.Forward(e.Ring.Keys(now), now, address)
	fits := err == nil && strings.LastIndexByte(rewritten, '@') <= maxLocal
	switch {
	case fits && !(e.Envelope == Hybrid && strings.ContainsAny(rewritten, routing)):
		return rewritten, nil
	case e.Envelope == Hybrid && (err == nil || err == srs.TooLong || err == srs.NotEmbeddable) && storable(address):
		return e.stored(ctx, address)
	case err == nil:
		e.Metrics.count(forward, resultLong)
	}
	return rewritten, err
}

// maxStored is the longest sender that a store takes, in bytes. RFC 5321,
// section 4.5.3.1.3, allows 254.
const maxStored = 512

// storable reports whether an address can be given back by a table, which one
// with a NUL cannot, and may be stored.
func storable(address string) bool {
	return len(address) <= maxStored && strings.IndexByte(address, 0) < 0
}

// stored signs the alias of a sender that is in the store.
func (e *Engine) stored(ctx context.Context, address string) (string, error) {
	alias := e.Alias(address)
	if err := e.Store.Put(ctx, alias, address); err != nil {
		return "", err
	}
	e.Metrics.count(forward, resultStored)
	now := e.Now()
	return e.Rewriter.Forward(e.Ring.Keys(now), now, alias+"@"+storeHost)
}

// restore turns an address back. An srs.Error says why it is none of ours, any
// other error is trouble.
func (e *Engine) restore(ctx context.Context, address string) (string, error) {
	now := e.Now()
	original, err := e.Rewriter.Reverse(e.Ring.Keys(now), now, address)
	if err != nil {
		return "", err
	}
	alias, host, _ := strings.Cut(original, "@")
	if host != storeHost || e.Alias == nil {
		return original, nil
	}
	if e.Store == nil {
		return "", lookup.Permanent(noDatabase)
	}
	original, found, err := e.Store.Get(ctx, alias)
	switch {
	case err != nil:
		return "", err
	case !found:
		return "", unknownAlias
	}
	return original, nil
}

// Ours reports an SRS address of exactly the SRS domain.
func (e *Engine) Ours(address string) bool {
	return srs.IsSRS(address) && strings.IndexByte(address, '@') >= 0 && e.ours(address)
}

// ours reports an address of the SRS domain, or of none.
func (e *Engine) ours(address string) bool {
	at := strings.IndexByte(address, '@')
	return at < 0 || equalFold(address[at+1:], e.Domain)
}

// local reports whether senders of a domain stay as they are.
func (e *Engine) local(ctx context.Context, domain string) (bool, error) {
	if equalFold(domain, e.Domain) || e.Local != nil && e.Local.Contains(domain) {
		return true, nil
	}
	if e.Hosted == nil {
		return false, nil
	}
	hosted, err := e.Hosted(ctx, domain)
	if err != nil {
		return false, fmt.Errorf("srs: is %.100q a domain of ours: %w", domain, err)
	}
	return hosted, nil
}

// IsLocal reports whether mail for address stays on this host, as the domain
// has it. An address without one does: Postfix appends its own (myorigin).
func (e *Engine) IsLocal(ctx context.Context, address string) (bool, error) {
	at := strings.IndexByte(address, '@')
	if at < 0 {
		return true, nil
	}
	return e.local(ctx, address[at+1:])
}

// leave says why a sender is left as it is.
func (e *Engine) leave(result, text string) (string, bool, error) {
	e.Metrics.count(forward, result)
	return text, false, nil
}

// reason is the text behind "not found" for an error that is about the address
// and no trouble.
func reason(err error) (string, bool) {
	about, plain := err.(srs.Error) // most are: they are told for every other sender
	if plain {
		return string(about), true
	}
	if errors.As(err, &about) && !lookup.IsPermanent(err) {
		return string(about), true
	}
	return "", false
}

// equalFold compares without the case of ASCII letters, as domains are
// compared. strings.EqualFold would take a Kelvin sign for a k.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
