package store

import (
	"database/sql"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"postern/internal/lookup"
)

// BanTarget is whom a ban is about. Other programs write the table in spellings
// of their own; Canonical is ours.
type BanTarget struct {
	Kind  string // email, domain, ip or name
	Value string
}

// Key is the key of the target's rows in the loaded table (Rows).
func (t BanTarget) Key() string { return t.Kind + ":" + t.Value }

// Canonical is the target in the spelling that all who mean it share: folded
// (lookup.Fold), a domain as in DNS (xn--) and without what stands around it
// (@, *., a dot), an address without <>, an IP address or network as netip
// prints it, and a network of one address as the address.
func (t BanTarget) Canonical() BanTarget {
	value := strings.TrimSpace(t.Value)
	switch t.Kind {
	case "domain":
		t.Value = asciiDomain(strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(value, "@"), "*"), "."))
	case "email":
		value = strings.TrimSuffix(strings.TrimPrefix(value, "<"), ">")
		at := strings.LastIndexByte(value, '@')
		t.Value = lookup.Fold(value[:at+1]) + asciiDomain(value[at+1:])
	case "ip":
		t.Value = lookup.Fold(value)
		if p, ok := ParsePrefix(value); ok {
			t.Value = PrefixText(p)
		}
	default:
		t.Value = lookup.Fold(value)
	}
	return t
}

// spellings are the values under which an index finds the rows that mean t;
// case is the collation's affair.
func (t BanTarget) spellings() []any {
	c := t.Canonical()
	list := []any{t.Value, c.Value}
	switch c.Kind {
	case "domain":
		for _, name := range []string{c.Value, unicodeDomain(c.Value)} {
			list = append(list, name, name+".", "@"+name, "*."+name, "."+name)
		}
	case "email":
		at := strings.LastIndexByte(c.Value, '@') + 1
		other := c.Value[:at] + unicodeDomain(c.Value[at:])
		list = append(list, other, "<"+c.Value+">", "<"+other+">", c.Value+".")
	case "ip":
		if p, ok := ParsePrefix(c.Value); ok {
			list = append(list, p.String())
		}
	}
	return list
}

// asciiDomain is a domain as in DNS: in lower case, without the dot at its
// end, and of letters beyond ASCII the xn-- form (RFC 5891). What has none
// stays as it is.
func asciiDomain(name string) string {
	name = strings.TrimSuffix(name, ".")
	if ascii, err := idna.New(idna.MapForLookup()).ToASCII(name); err == nil && utf8.ValidString(name) && !isASCII(name) {
		return strings.TrimSuffix(ascii, ".")
	}
	return lookup.Fold(name)
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// unicodeDomain is what people write for an xn-- name.
func unicodeDomain(name string) string {
	if text, err := idna.ToUnicode(name); err == nil {
		return text
	}
	return name
}

// ParsePrefix reads an address or a network, 192.0.2.0/24. Bits behind the
// length are cut, and an IPv4 address in IPv6 clothes is an IPv4 address.
func ParsePrefix(text string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(text); err == nil {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), true
}

// PrefixText is how a network is written in a ban: one address without "/32".
func PrefixText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// Ban is one row of api_bans. Times are UTC; the zero time stands for NULL.
type Ban struct {
	ID uint64
	BanTarget
	Reason        string
	Created       time.Time
	Expires       time.Time // zero: never
	Revoked       time.Time // zero: not revoked
	RevokedReason string
}

// Active reports whether the ban is in force at the instant now.
func (b Ban) Active(now time.Time) bool {
	return b.Revoked.IsZero() && (b.Expires.IsZero() || now.Before(b.Expires))
}

const banColumns = `id, ban_type, ban_value, reason, created_at, expires_at, revoked_at, revoked_reason`

// banRow is a row as the drivers deliver it.
type banRow struct {
	ID            uint64         `db:"id"`
	Kind          string         `db:"ban_type"`
	Value         string         `db:"ban_value"`
	Reason        sql.NullString `db:"reason"`
	Created       sql.NullString `db:"created_at"`
	Expires       sql.NullString `db:"expires_at"`
	Revoked       sql.NullString `db:"revoked_at"`
	RevokedReason sql.NullString `db:"revoked_reason"`
}

// ban reads the times. An expiry that cannot be read is none, as it is for the
// daemons (pairs.ban); who revoked did so, whatever time he wrote down.
func (r banRow) ban() Ban {
	b := Ban{
		ID: r.ID, BanTarget: BanTarget{r.Kind, r.Value}, Reason: r.Reason.String,
		Created: stamp(r.Created), Expires: stamp(r.Expires), Revoked: stamp(r.Revoked),
		RevokedReason: r.RevokedReason.String,
	}
	if r.Revoked.Valid && b.Revoked.IsZero() {
		b.Revoked = time.Unix(0, 0).UTC()
	}
	return b
}

// stamp reads a datetime; zero if there is none or it cannot be read.
func stamp(text sql.NullString) time.Time {
	t, ok := parseTime(text.String)
	switch {
	case !text.Valid || !ok:
		return time.Time{}
	case t.IsZero(): // MariaDB's zero date
		return time.Unix(0, 0).UTC()
	}
	return t.UTC()
}

// datetime is a time as both databases take it, in UTC; NULL for the zero time.
func datetime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02 15:04:05.000000")
}

// nullable is a column that is NULL when there is nothing to say.
func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}
