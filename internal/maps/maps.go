// Package maps holds the built-in maps of a forwarding host: views of five
// loaded tables (domain, alias, alias_handle, smtp_sender_acl, api_bans).
//
// # The maps
//
//	virtual-handles      LOCAL@HOSTED → the address of handle LOCAL
//	virtual-aliases      ADDRESS@HOSTED, @HOSTED → goto of the alias row
//	virtual              virtual-handles, then virtual-aliases, as one list
//	allowlist-handles    OK where virtual-handles leads somewhere
//	allowlist-aliases    OK where virtual-aliases leads somewhere
//	allowlist            OK where virtual leads somewhere
//	block-local-senders  REJECT for senders at hosted domains and below them
//	virtual-domains      1 for a hosted domain
//	sender-login-maps    the logins that may use a sender, comma-separated
//	allowed-senders      OK for a sender that some login may use
//	banned-domains       error:5.7.1 … for a banned domain and all below it
//
// # Hosted
//
// A domain is hosted while its row in table domain is active. Handles and
// aliases answer at hosted domains only, so a handle named like a domain, a
// TLD or a stranger's local part opens nothing, and a destination elsewhere is
// never expanded again.
//
// # Reserved handles
//
// postmaster, abuse, hostmaster and others (reserved_handles) are never taken
// from table alias_handle: whoever holds such an address can have certificates
// issued. An alias row of the whole address wins. Without one, postmaster and
// abuse (RFC 2142, RFC 5321 section 4.5.1) lead to the operator, as does
// <postmaster>, which Postfix completes with $myorigin.
//
// # Dead ends and loops
//
// An address is found only if it leads somewhere in the end. A row whose
// targets lead in a circle, to themselves or to hosted addresses that do not
// exist is not found, so that Postfix refuses the recipient instead of
// bouncing the mail later. Where only part of the targets run in a circle, the
// answer is the places that the others lead to.
//
// # Folding
//
// Keys are compared after Postfix's case folding and byte for byte: accents
// and trailing blanks make a difference, whatever the collation of a column.
//
// # While the database is away
//
// The tables decide what may still be said; see package table. Trouble is
// never "not found".
package maps

import (
	"context"
	"slices"
	"strings"
	"time"

	"postern/internal/keysearch"
	"postern/internal/lookup"
)

// Rows is a table that may hold several rows for one key.
type Rows interface {
	Values(ctx context.Context, key string) ([]string, error)
}

// Tables are the row sources; keys and values as docs/architecture.md lists
// them.
type Tables struct {
	Domain lookup.Map // name → 1 active, 0 inactive
	Alias  lookup.Map // address → goto
	Handle lookup.Map // handle → address
	Sender Rows       // sender → logins
	Ban    Rows       // type:value → expiry and reason
}

// Options are the settings that the built-in maps know.
type Options struct {
	Delimiter string   // recipient_delimiter
	Propagate bool     // propagate_unmatched_extensions has virtual
	Operator  string   // where postmaster and abuse lead; empty: nowhere
	Reserved  []string // handles that table alias_handle must not answer
	Allowed   []string // reserved names whose handle row keeps working
	MyOrigin  string   // Postfix myorigin: completes a bare <postmaster>
	Now       func() time.Time
}

// The names of the built-in maps, as socketmap and tcp_table know them.
const (
	VirtualHandles    = "virtual-handles"
	VirtualAliases    = "virtual-aliases"
	Virtual           = "virtual"
	AllowlistHandles  = "allowlist-handles"
	AllowlistAliases  = "allowlist-aliases"
	Allowlist         = "allowlist"
	BlockLocalSenders = "block-local-senders"
	VirtualDomains    = "virtual-domains"
	SenderLoginMaps   = "sender-login-maps"
	AllowedSenders    = "allowed-senders"
	BannedDomains     = "banned-domains"
)

// Names lists the built-in maps.
func Names() []string {
	return []string{
		VirtualHandles, VirtualAliases, Virtual, AllowlistHandles, AllowlistAliases, Allowlist,
		BlockLocalSenders, VirtualDomains, SenderLoginMaps, AllowedSenders, BannedDomains,
	}
}

// IsBuiltIn reports whether a map of the user's own may not be called so.
func IsBuiltIn(name string) bool { return slices.Contains(Names(), name) }

// BuiltIn is the maps over one set of tables.
type BuiltIn struct {
	tables  Tables
	options Options
	search  keysearch.Options
	handles lookup.Map // raw: one folded key form
	aliases lookup.Map
	senders lookup.Map
	bans    lookup.Map
	walker  *Walker
}

// New makes the built-in maps.
func New(t Tables, o Options) *BuiltIn {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.MyOrigin = lookup.Fold(o.MyOrigin)
	b := &BuiltIn{
		tables:  t,
		options: o,
		search:  keysearch.Options{RecipientDelimiter: o.Delimiter, Propagate: o.Propagate},
	}
	b.handles = lookup.Func(b.handle)
	b.aliases = lookup.Func(b.alias)
	b.senders = lookup.Func(b.logins)
	b.bans = lookup.Func(b.bannedDomain)
	b.walker = &Walker{
		Step:   keysearch.New(keysearch.Virtual, b.search, b.handles, b.aliases),
		Hosted: b.hosted, Expands: b.expands,
	}
	return b
}

// Set is every built-in map under its name.
func (b *BuiltIn) Set() lookup.Set {
	handles := b.walker.guard(keysearch.New(keysearch.Virtual, b.search, b.handles))
	aliases := b.walker.guard(keysearch.New(keysearch.Virtual, b.search, b.aliases))
	virtual := b.walker.guard(b.walker.Step)
	logins := keysearch.New(keysearch.SenderLogin, b.search, b.senders)
	return lookup.Set{
		VirtualHandles:    handles,
		VirtualAliases:    aliases,
		Virtual:           virtual,
		AllowlistHandles:  okWhere(handles),
		AllowlistAliases:  okWhere(aliases),
		Allowlist:         okWhere(virtual),
		BlockLocalSenders: lookup.Func(b.blockLocalSender),
		VirtualDomains:    lookup.Func(b.virtualDomain),
		SenderLoginMaps:   logins,
		AllowedSenders:    okWhere(logins),
		BannedDomains:     keysearch.New(keysearch.Transport, b.search, b.bans),
	}
}

// Members are the raw faces of a built-in map, for a list of tables (`of:`)
// that is searched key form by key form. Nil for a map that has none, because
// it answers a rule and not rows.
func (b *BuiltIn) Members(name string) []lookup.Map {
	switch name {
	case VirtualHandles:
		return []lookup.Map{b.handles}
	case VirtualAliases:
		return []lookup.Map{b.aliases}
	case Virtual:
		return []lookup.Map{b.handles, b.aliases}
	case SenderLoginMaps:
		return []lookup.Map{b.senders}
	case AllowedSenders:
		return []lookup.Map{okWhere(b.senders)}
	case AllowlistHandles:
		return []lookup.Map{okWhere(b.handles)}
	case AllowlistAliases:
		return []lookup.Map{okWhere(b.aliases)}
	case Allowlist:
		return []lookup.Map{okWhere(b.handles), okWhere(b.aliases)}
	case BlockLocalSenders:
		return []lookup.Map{lookup.Func(b.blockLocalSender)}
	case VirtualDomains:
		return []lookup.Map{lookup.Func(b.virtualDomain)}
	case BannedDomains:
		return []lookup.Map{b.bans}
	}
	return nil
}

// Walker follows addresses through virtual to where they lead in the end.
func (b *BuiltIn) Walker() *Walker { return b.walker }

// okWhere answers OK where m finds something.
func okWhere(m lookup.Map) lookup.Map {
	return lookup.Func(func(ctx context.Context, key string) (string, bool, error) {
		if _, found, err := m.Lookup(ctx, key); !found || err != nil {
			return "", false, err
		}
		return "OK", true, nil
	})
}

// split cuts a folded address at its last @.
func split(address string) (local, domain string, ok bool) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 || at == len(address)-1 {
		return "", "", false
	}
	return address[:at], address[at+1:], true
}

// Guard holds a search of another list of tables to the rule of this package:
// found only where it leads somewhere.
func (b *BuiltIn) Guard(search lookup.Map) lookup.Map {
	return (&Walker{Step: search, Hosted: b.hosted}).guard(search)
}
