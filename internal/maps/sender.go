package maps

import (
	"context"
	"slices"
	"strings"

	"postern/internal/lookup"
)

// nullSender is the key of the empty sender (smtpd_null_access_lookup_key).
const nullSender = "<>"

// blockLocalSender refuses outside senders that claim a hosted domain or a
// subdomain of one. An inactive row is a domain that is hosted elsewhere by
// choice: it and its subdomains may send from there.
func (b *BuiltIn) blockLocalSender(ctx context.Context, key string) (string, bool, error) {
	if key == nullSender {
		return "", false, nil
	}
	_, domain, ok := split(lookup.Fold(key))
	if !ok {
		return "", false, nil
	}
	for {
		state, found, err := b.tables.Domain.Lookup(ctx, domain)
		if err != nil {
			return "", false, err
		}
		if found {
			if state != active {
				return b.pass(ctx, domain, "inactive row: hosted elsewhere by choice")
			}
			return "REJECT forged local sender", true, nil
		}
		_, parent, more := strings.Cut(domain, ".")
		if !more {
			return "", false, nil
		}
		domain = parent
	}
}

// logins answers one key form with every login that may use the sender.
func (b *BuiltIn) logins(ctx context.Context, key string) (string, bool, error) {
	if _, _, ok := split(key); !ok {
		return "", false, nil
	}
	logins, err := b.tables.Sender.Values(ctx, key)
	if err != nil || len(logins) == 0 {
		return "", false, err
	}
	if len(logins) == 1 {
		return logins[0], logins[0] != "", nil
	}
	sorted := slices.Clone(logins)
	slices.Sort(sorted)
	value := strings.Join(slices.Compact(sorted), ",")
	return value, value != "", nil
}
