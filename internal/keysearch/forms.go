package keysearch

import (
	"strings"

	"postern/internal/lookup"
)

// Form is one key that the tables are asked for.
type Form struct {
	Key  string // folded
	Kind string // what part of the key as received it is, for people
	// Extension is what had to be taken off to make the form, with its
	// delimiter, in the case as received; it goes with the value.
	Extension string
}

// The kinds of a form.
const (
	kindWhole      = "whole key"
	kindUnquoted   = "without quotes"
	kindQuoted     = "with quotes"
	kindNoExt      = "without extension"
	kindLocal      = "local part"
	kindLocalNoExt = "local part without extension"
	kindAtDomain   = "@domain"
	kindDomain     = "domain"
	kindParent     = "parent domain"
	kindLocalAt    = "local part@"
	kindLocalAtExt = "local part@ without extension"
	kindNetwork    = "network"
)

// Forms lists the keys that a map made by New asks for key, in order, as long
// as nothing is found. The empty key has none.
func Forms(class Class, o Options, key string) []Form {
	if key == "" {
		return nil
	}
	forms := []Form{{Key: lookup.Fold(key), Kind: kindWhole}}
	s := search{class: class, options: o}
	s.others(key, func(form Form) bool {
		forms = append(forms, form)
		return true
	})
	return forms
}

// others yields the forms after the first one, which is the folded key. Each
// is made when it is needed: most searches end before the last.
func (s *search) others(key string, yield func(Form) bool) {
	switch s.class {
	case Exact:
	case Domain:
		s.parents(key, yield)
	case AccessDomain:
		if isAddress(key) {
			s.networks(key, yield)
		} else {
			s.parents(key, yield)
		}
	default:
		if a, ok := s.parse(key); ok {
			s.addressForms(a, yield)
		}
	}
}

func (s *search) parents(domain string, yield func(Form) bool) bool {
	return parents(lookup.Fold(domain), s.class.dotted(s.options.Parents), func(name string) bool {
		return yield(Form{Key: name, Kind: kindParent})
	})
}

func (s *search) networks(address string, yield func(Form) bool) bool {
	if s.options.WholeAddresses {
		return true
	}
	return networks(lookup.Fold(address), func(network string) bool {
		return yield(Form{Key: network, Kind: kindNetwork})
	})
}

// address is a key taken apart, without quotes.
type address struct {
	local, domain   string
	bare, extension string // the halves of local; bare is empty if it has no extension
	unquoted        bool   // the key came without the quotes that it needs
}

// parse takes an address apart. A key without a domain is none: Postfix
// qualifies addresses before it asks, so this is the name of a domain
// (virtual_alias_domains = $virtual_alias_maps), the null sender or the "*"
// of transport_maps.
//
// Some callers ask once more without the quotes when an address that needs
// them was not found (john doe@example.com). What is no proper external form
// is such a key, and is taken literally.
func (s *search) parse(key string) (a address, ok bool) {
	internal := unquote(key)
	if quote(internal) != key {
		internal, a.unquoted = key, true
	}
	at := strings.LastIndexByte(internal, '@')
	if at < 0 {
		return a, false
	}
	a.local, a.domain = internal[:at], internal[at+1:]
	if ext := s.options.extension(a.local); ext > 0 {
		a.bare, a.extension = a.local[:ext], a.local[ext:]
	}
	return a, true
}

// addressForms yields the forms of an address in the order of Postfix's
// mail_addr_find(3); each step says whether to go on.
func (s *search) addressForms(a address, yield func(Form) bool) bool {
	w := speller{class: s.class, unquoted: a.unquoted, yield: yield}
	return w.otherWhole(a) && w.noExtension(a) && s.localForms(w, a) && s.domainForms(w, a)
}

// localForms asks for the local part alone where the domain is our own.
func (s *search) localForms(w speller, a address) bool {
	if s.class == Transport || s.class == AccessAddress {
		return true
	}
	if s.options.Local == nil || !s.options.Local(lookup.Fold(a.domain)) {
		return true
	}
	if !w.spell(quoteLocal(a.local), a.local, kindLocal, "") {
		return false
	}
	return a.bare == "" || w.spell(quoteLocal(a.bare), a.bare, kindLocalNoExt, a.extension)
}

func (s *search) domainForms(w speller, a address) bool {
	if s.class != Transport && s.class != AccessAddress {
		return w.put("@"+a.domain, kindAtDomain, "")
	}
	if !w.put(a.domain, kindDomain, "") || !s.parents(a.domain, w.yield) {
		return false
	}
	return s.class == Transport || w.localAt(a)
}

// speller yields the forms that hold a local part in the spellings that a
// class is asked in: quoted, and for all but the rewriting classes unquoted
// after that where this differs.
type speller struct {
	class    Class
	unquoted bool
	yield    func(Form) bool
}

// otherWhole is the whole address in the spelling that the key is not in.
func (w speller) otherWhole(a address) bool {
	if w.class.rewrites() {
		return true
	}
	whole := a.local + "@" + a.domain
	switch external := quote(whole); {
	case external == whole:
		return true
	case w.unquoted:
		return w.put(external, kindQuoted, "")
	default:
		return w.put(whole, kindUnquoted, "")
	}
}

func (w speller) noExtension(a address) bool {
	if a.bare == "" {
		return true
	}
	bare := a.bare + "@" + a.domain
	return w.spell(quote(bare), bare, kindNoExt, a.extension)
}

// localAt is the local part with an @ and no domain.
func (w speller) localAt(a address) bool {
	if !w.spell(quote(a.local+"@"), a.local+"@", kindLocalAt, "") {
		return false
	}
	return a.bare == "" || w.spell(quote(a.bare+"@"), a.bare+"@", kindLocalAtExt, a.extension)
}

// spell yields a form as the class wants it.
func (w speller) spell(external, internal, kind, extension string) bool {
	if w.class.rewrites() && w.unquoted {
		return w.put(internal, kind, extension)
	}
	if !w.put(external, kind, extension) {
		return false
	}
	if w.class.rewrites() || external == internal {
		return true
	}
	return w.put(internal, kind+" "+kindUnquoted, extension)
}

// put yields a form, folded. Postfix never asks for the empty key.
func (w speller) put(key, kind, extension string) bool {
	if key == "" {
		return true
	}
	return w.yield(Form{Key: lookup.Fold(key), Kind: kind, Extension: extension})
}
