package maps

import (
	"context"
	"slices"
	"strings"

	"postern/internal/lookup"
)

// active is the value of a hosted domain's row.
const active = "1"

// hosted reports whether domain (folded) has an active row.
func (b *BuiltIn) hosted(ctx context.Context, domain string) (bool, error) {
	state, found, err := b.tables.Domain.Lookup(ctx, domain)
	return found && state == active, err
}

// expands reports whether handles or aliases may answer for a folded address:
// at a hosted domain, and at that of the host itself for the operator. An
// address without a domain is neither.
func (b *BuiltIn) expands(ctx context.Context, address string) (bool, error) {
	_, domain, ok := split(address)
	if !ok || domain == b.options.MyOrigin {
		return ok, nil
	}
	return b.hosted(ctx, domain)
}

// virtualDomain answers 1 for a hosted domain (virtual_alias_domains).
func (b *BuiltIn) virtualDomain(ctx context.Context, key string) (string, bool, error) {
	hosted, err := b.hosted(ctx, lookup.Fold(key))
	if !hosted || err != nil {
		return "", false, err
	}
	return active, true, nil
}

// handle answers one key form from table alias_handle.
func (b *BuiltIn) handle(ctx context.Context, key string) (string, bool, error) {
	local, domain, ok := split(key)
	if !ok || local == "" {
		return "", false, nil
	}
	if hosted, err := b.hosted(ctx, domain); !hosted || err != nil {
		return "", false, err
	}
	if b.reserved(local) && !slices.Contains(b.options.Allowed, local) {
		return b.pass(ctx, key, "reserved handle: answered by an alias row or the operator only")
	}
	return addresses(b.tables.Handle.Lookup(ctx, local))
}

// alias answers one key form from table alias; postmaster and abuse without a
// row lead to the operator.
func (b *BuiltIn) alias(ctx context.Context, key string) (string, bool, error) {
	local, domain, ok := split(key)
	if !ok {
		return "", false, nil
	}
	hosted, err := b.hosted(ctx, domain)
	if err != nil {
		return "", false, err
	}
	if hosted {
		if value, found, err := addresses(b.tables.Alias.Lookup(ctx, key)); found || err != nil {
			return value, found, err
		}
	}
	if b.operated(local) && (hosted || domain == b.options.MyOrigin) && b.options.Operator != "" {
		return b.options.Operator, true, nil
	}
	return "", false, nil
}

// reserved reports a name of reserved_handles.
func (b *BuiltIn) reserved(local string) bool {
	return slices.Contains(b.options.Reserved, local)
}

// operated reports the names that every domain must answer (RFC 5321 section
// 4.5.1, RFC 2142), as far as they are reserved.
func (b *BuiltIn) operated(local string) bool {
	return (local == "postmaster" || local == "abuse") && b.reserved(local)
}

// pass is "not found" with a note for those who ask why.
func (b *BuiltIn) pass(ctx context.Context, key, note string) (string, bool, error) {
	if trace := lookup.Trace(ctx); trace != nil {
		trace(lookup.Step{Map: "rule", Key: key, Source: "rule", Note: note})
	}
	return "", false, nil
}

// addresses passes a value on if it holds any address at all: a row with a
// target of blanks and commas does not exist.
func addresses(value string, found bool, err error) (string, bool, error) {
	if !found || err != nil || strings.Trim(value, " \t\r\n,") == "" {
		return "", false, err
	}
	return value, true, nil
}
