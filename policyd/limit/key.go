package limit

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"postern/internal/lookup"
	"postern/internal/nearest"
	"postern/policyd"
)

// Keys that are no attributes of the policy protocol.
const (
	keyRecipientDomain = "recipient_domain"
	keySenderDomain    = "sender_domain"
	keyAliasOwner      = "alias_owner" // where the recipient's alias leads
)

// maxOwners bounds the addresses that one alias is counted for.
const maxOwners = 100

// Key is what a rule counts by: an attribute of the request, or one of
// recipient_domain, sender_domain and alias_owner.
type Key struct{ name string }

// String is the name of the key.
func (k Key) String() string { return k.name }

// ParseKey reads the name of one key. The error about an unknown one names
// the one that was probably meant.
func ParseKey(name string) (Key, error) {
	known := keyNamesKnown()
	if slices.Contains(known, name) {
		return Key{name}, nil
	}
	if name == "" {
		return Key{}, errors.New("a key is missing: write an attribute such as client_address or sasl_username")
	}
	if near := nearest.Word(name, known); near != "" && len(name) <= 64 {
		return Key{}, fmt.Errorf("%q is no key: did you mean %s?", name, near)
	}
	return Key{}, fmt.Errorf("%.64q is no key: write an attribute of the policy protocol such as client_address, or %s, %s, %s",
		name, keyRecipientDomain, keySenderDomain, keyAliasOwner)
}

// keyNamesKnown are the attributes and what is made of them.
func keyNamesKnown() []string {
	names := []string{keyRecipientDomain, keySenderDomain, keyAliasOwner}
	for _, attribute := range policyd.Attributes() {
		names = append(names, attribute.Name)
	}
	return names
}

// ParseKeys reads the key of a rule: one name, or a pair of them as two words
// or joined by a plus sign, as in client_address+recipient_domain.
func ParseKeys(words ...string) ([]Key, error) {
	if len(words) == 1 {
		words = strings.Split(words[0], "+")
	}
	keys := make([]Key, 0, 2)
	for _, word := range words {
		key, err := ParseKey(strings.TrimSpace(word))
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, checkKeys(keys)
}

func checkKeys(keys []Key) error {
	switch {
	case len(keys) == 0 || len(keys) > 2:
		return fmt.Errorf("%d keys: a rule counts by one key, or by a pair such as client_address+recipient_domain", len(keys))
	case len(keys) == 2 && keys[0] == keys[1]:
		return fmt.Errorf("the pair %s+%s is the same as %s alone", keys[0], keys[1], keys[0])
	}
	for _, key := range keys {
		if _, err := ParseKey(key.name); err != nil {
			return err
		}
	}
	return nil
}

// appendValues adds the values that q has for key: none where it is empty, and
// several only for an alias that leads to several addresses.
func (c *Check) appendValues(ctx context.Context, values []string, q *policyd.Request, r *rule, k Key) ([]string, error) {
	if k.name == keyAliasOwner {
		return c.appendOwners(ctx, values, q)
	}
	if value := c.value(q, r, k.name); value != "" {
		values = append(values, value)
	}
	return values, nil
}

// value is the folded value of a key that has one at most.
func (c *Check) value(q *policyd.Request, r *rule, name string) string {
	switch name {
	case "client_address":
		return clientValue(q, r.IPv4Bits, r.IPv6Bits)
	case "sender":
		return address(q.Sender)
	case keySenderDomain:
		return domainOf(address(q.Sender))
	case "recipient":
		return c.delimiter.WithoutExtension(address(q.Recipient))
	case keyRecipientDomain:
		return domainOf(address(q.Recipient))
	case "sasl_username":
		return lookup.Fold(q.Login)
	case "queue_id", "instance":
		return q.Get(name) // case tells two apart
	case "client_name", "reverse_client_name", "client_port", "server_address", "server_port":
		if value := q.Get(name); value != "unknown" {
			return strings.TrimSuffix(lookup.Fold(value), ".")
		}
		return ""
	case "helo_name":
		return strings.TrimSuffix(lookup.Fold(q.Helo), ".")
	}
	return lookup.Fold(q.Get(name))
}

// address folds an address and makes the null sender empty.
func address(s string) string {
	if s == "<>" {
		return ""
	}
	return strings.TrimSuffix(lookup.Fold(s), ".")
}

// domainOf is what stands behind the last @ of an address, "" without an @.
func domainOf(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return ""
	}
	return address[at+1:]
}

// clientValue is the client's network, as an address where it is one address.
// A client whose address is not known is in no network.
func clientValue(q *policyd.Request, ipv4Bits, ipv6Bits int) string {
	if !q.Client.IsValid() {
		return ""
	}
	bits := ipv6Bits
	if q.Client.Is4() {
		bits = ipv4Bits
	}
	var room [64]byte
	text := room[:0]
	if bits == q.Client.BitLen() {
		text = q.Client.AppendTo(text)
	} else {
		text = netip.PrefixFrom(q.Client, bits).Masked().AppendTo(text)
	}
	if string(text) == q.ClientAddress {
		return q.ClientAddress
	}
	return string(text)
}

// appendOwners adds the addresses that the recipient's alias leads to, each
// once. Their extensions are cut too: Postfix hands that of user+tag on.
func (c *Check) appendOwners(ctx context.Context, values []string, q *policyd.Request) ([]string, error) {
	if q.Recipient == "" {
		return values, nil
	}
	owners, err := c.destinations(ctx, q.Recipient)
	if err != nil {
		return nil, fmt.Errorf("where the recipient's alias leads: %w", err)
	}
	for _, owner := range owners {
		owner = c.delimiter.WithoutExtension(address(owner))
		if owner != "" && len(values) < maxOwners && !slices.Contains(values, owner) {
			values = append(values, owner)
		}
	}
	return values, nil
}
