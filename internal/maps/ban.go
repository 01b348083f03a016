package maps

import (
	"context"
	"strconv"
	"strings"
	"time"

	"postern/internal/oneline"
)

// maxReason bounds the reason of a ban in an SMTP reply, in bytes.
const maxReason = 200

// Ban is one row of api_bans that has not been revoked.
type Ban struct {
	Expires time.Time // zero: never
	Reason  string
}

// ParseBan reads the value of a row: expiry in Unix microseconds or "-", a
// blank, the reason.
func ParseBan(value string) (Ban, error) {
	expiry, reason, _ := strings.Cut(value, " ")
	if expiry == "-" {
		return Ban{Reason: reason}, nil
	}
	micros, err := strconv.ParseInt(expiry, 10, 64)
	return Ban{Expires: time.UnixMicro(micros).UTC(), Reason: reason}, err
}

// Active reports whether the ban holds at the instant now.
func (b Ban) Active(now time.Time) bool { return b.Expires.IsZero() || now.Before(b.Expires) }

// Outlasts reports whether b ends later than c.
func (b Ban) Outlasts(c Ban) bool {
	return !c.Expires.IsZero() && (b.Expires.IsZero() || b.Expires.After(c.Expires))
}

// FindBan is the active ban of a kind (domain, email, ip, name) and value that
// lasts longest. Several active rows of one target are possible: other
// programs write the table.
func FindBan(ctx context.Context, bans Rows, kind, value string, now time.Time) (Ban, bool, error) {
	rows, err := bans.Values(ctx, kind+":"+value)
	if err != nil {
		return Ban{}, false, err
	}
	var best Ban
	found := false
	for _, row := range rows {
		ban, err := ParseBan(row)
		if err == nil && ban.Active(now) && (!found || ban.Outlasts(best)) {
			best, found = ban, true
		}
	}
	return best, found, nil
}

// bannedDomain answers one key form of transport_maps: DOMAIN, or .PARENT for
// what lies below it. A whole address is left to these forms.
func (b *BuiltIn) bannedDomain(ctx context.Context, key string) (string, bool, error) {
	if strings.Contains(key, "@") || key == "*" {
		return "", false, nil
	}
	ban, found, err := FindBan(ctx, b.tables.Ban, "domain", strings.TrimPrefix(key, "."), b.options.Now())
	if !found || err != nil {
		return "", false, err
	}
	text := "error:5.7.1 Domain banned."
	if reason := oneline.Reply(ban.Reason, maxReason); reason != "" {
		text += " " + reason
	}
	return text, true, nil
}
