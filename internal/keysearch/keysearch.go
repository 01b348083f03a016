package keysearch

import (
	"context"
	"errors"

	"postern/internal/lookup"
)

// Options are the Postfix parameters that a search depends on.
type Options struct {
	// RecipientDelimiter is recipient_delimiter: a set of characters, each of
	// which begins an address extension. Empty: there are no extensions.
	RecipientDelimiter string
	// Propagate says that propagate_unmatched_extensions names this class, as
	// it does by default for virtual and canonical.
	Propagate bool
	// Local tells whether a folded domain is $myorigin, in $mydestination or
	// an interface's [address]: then the local part alone is asked too. Nil:
	// no domain is.
	Local func(domain string) bool
	// Parents is how parent domains are asked.
	Parents ParentStyle
	// WholeAddresses has an access-domain table asked for whole network
	// addresses only, as Postfix does in check_helo_access, where 192.0.2.1
	// is a name that a client gave.
	WholeAddresses bool
	// DoubleBounceSender is double_bounce_sender, a local part that is never
	// split. Empty: "double-bounce", as in Postfix.
	DoubleBounceSender string
	// SplitOwnerRequest is owner_request_special = no: with a hyphen among
	// the delimiters, owner-list and list-request are split like any other.
	SplitOwnerRequest bool
}

// ParentStyle is how the parents of mail.example.com are asked: example.com
// and com, or .example.com and .com (parent_domain_matches_subdomains).
type ParentStyle int

// The styles of parent domains.
const (
	// ParentsDefault is what Postfix does if nobody configures it: dotted for
	// transport, plain for the access classes and domain.
	ParentsDefault ParentStyle = iota
	// ParentsPlain is for a parameter that parent_domain_matches_subdomains
	// lists: smtpd_access_maps, relay_domains, transport_maps.
	ParentsPlain
	// ParentsDotted is for one that it does not list.
	ParentsDotted
)

// errEmptyValue is what Postfix makes of an empty value (maps_find): a
// mistake in the table, to be mended before mail goes on.
var errEmptyValue = errors.New("keysearch: a table returned an empty value, right would be not found")

// search is the key search in front of a list of tables.
type search struct {
	class   Class
	options Options
	sources []lookup.Map
}

// New returns the map that Postfix's search over a list of tables is. The
// sources get folded keys, and each form of a key is asked of all of them
// from left to right before the next. It is safe for concurrent use.
func New(class Class, o Options, sources ...lookup.Map) lookup.Map {
	return &search{class, o, sources}
}

// Lookup searches once, and once more with lookup.WithFresh if nothing was
// found and a source could not tell whether it has the key.
func (s *search) Lookup(ctx context.Context, key string) (string, bool, error) {
	if key == "" {
		return "", false, nil
	}
	value, found, err := s.pass(ctx, key)
	if err == nil || !lookup.IsUnsure(err) || lookup.Fresh(ctx) {
		return value, found, err
	}
	return s.pass(lookup.WithFresh(ctx), key)
}

// answer is what the forms asked so far came to.
type answer struct {
	value  string // if found; else the first reason that a source gave
	found  bool
	err    error // ends the search
	unsure error // the first "not found" that was too old to be believed
}

func (a answer) done() bool { return a.found || a.err != nil }

// pass is one search: the folded key, then the other forms.
func (s *search) pass(ctx context.Context, key string) (string, bool, error) {
	trace := lookup.Trace(ctx)
	a := s.ask(ctx, trace, answer{}, Form{Key: lookup.Fold(key), Kind: kindWhole})
	if !a.done() && s.class != Exact {
		a = s.askOthers(ctx, trace, a, key)
	}
	if !a.done() {
		a.err = a.unsure
	}
	if a.err != nil {
		return "", false, a.err
	}
	return a.value, a.found, nil
}

// askOthers asks form by form and brings a value that is found into shape.
func (s *search) askOthers(ctx context.Context, trace func(lookup.Step), a answer, key string) answer {
	s.others(key, func(form Form) bool {
		a = s.ask(ctx, trace, a, form)
		if a.found {
			a.value = s.adjust(key, a.value, form)
		}
		return !a.done()
	})
	return a
}

// ask asks all sources for one form, from left to right.
func (s *search) ask(ctx context.Context, trace func(lookup.Step), a answer, form Form) answer {
	for _, source := range s.sources {
		value, found, err := source.Lookup(ctx, form.Key)
		if found && err == nil && value == "" {
			err = lookup.Permanent(errEmptyValue)
		}
		if trace != nil {
			trace(lookup.Step{Map: string(s.class), Key: form.Key, Source: "search",
				Value: value, Found: found && err == nil, Err: err, Note: form.Kind})
		}
		if a = a.add(value, found, err); a.done() {
			return a
		}
	}
	return a
}

// add takes in what one source said.
func (a answer) add(value string, found bool, err error) answer {
	switch {
	case err != nil && !lookup.IsUnsure(err):
		a.err = err
	case err != nil && a.unsure == nil:
		a.unsure = err
	case found && err == nil:
		a.value, a.found = value, true
	case err == nil && a.value == "":
		a.value = value
	}
	return a
}
