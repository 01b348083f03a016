package twin

import (
	"strings"
	"unicode/utf8"

	"postern/internal/lookup"
	"postern/internal/oneline"
)

// question maps of postern that answer by design otherwise than the SQL they
// took the place of.
const (
	blockLocalSenders = "block-local-senders"
	virtualDomains    = "virtual-domains"
	senderLogins      = "sender-login-maps"
	bannedDomains     = "banned-domains"
)

// forwarding maps answer for hosted domains only.
func forwarding(name string) bool {
	switch name {
	case "virtual", "virtual-handles", "virtual-aliases", "allowlist", "allowlist-handles", "allowlist-aliases":
		return true
	}
	return false
}

// Explain is the reason of a difference that postern makes on purpose, or "".
// It goes by the two answers and by what the live map says it did.
func Explain(name, key, operator string, live, old Answer) string {
	switch {
	case forwarding(name):
		return explainForwarding(key, operator, live, old)
	case name == blockLocalSenders && live.Found && !old.Found && strings.Count(domainOf(key), ".") > 1:
		return "subdomains of hosted domains are refused like these, unless they are hosted by choice"
	case name == senderLogins && live.Found && old.Found && within(words(old.Value), words(live.Value)):
		return "a sender that is shared has all its logins here, and the query returns fewer"
	case name == virtualDomains || name == bannedDomains:
		return ""
	}
	return explainSpelling(key, live, old)
}

func explainForwarding(key, operator string, live, old Answer) string {
	if live.Err != nil && lookup.IsPermanent(live.Err) {
		return "aliases that lead back to themselves are cut off and refused"
	}
	if live.Found {
		local, _, _ := strings.Cut(lookup.Fold(key), "@")
		if operator != "" && live.Value == operator && (local == "postmaster" || local == "abuse") {
			return "postmaster and abuse without a row of their own lead to the operator"
		}
		if !old.Found {
			return ""
		}
	}
	for _, s := range live.Steps {
		if strings.HasPrefix(s.Note, "reserved handle") {
			return "reserved_handles: such a name is no handle, an alias row of that address answers, or the operator"
		}
	}
	switch {
	case live.Found || !old.Found:
		return ""
	case live.Value != "": // the reason of a "not found"
		return "found only where it leads somewhere: " + oneline.Log(live.Value)
	case !strings.Contains(key, "@"):
		return "handles and aliases answer for whole addresses, and the old query for anything that is asked"
	case !hosted(live.Steps):
		return "handles and aliases answer for domains with an active row in table domain only"
	case strings.Trim(old.Value, " \t\r\n,") == "":
		return "a row that leads nowhere does not exist here"
	}
	return explainSpelling(key, live, old)
}

// explainSpelling is about keys that the database's collation takes for others.
func explainSpelling(key string, live, old Answer) string {
	if live.Found || !old.Found {
		return ""
	}
	local, _, _ := strings.Cut(key, "@")
	if strings.TrimRight(key, " ") != key || strings.HasSuffix(strings.Trim(local, `"`), " ") {
		return "blanks at the end count here, and the database's collation ignores them"
	}
	for i := range len(key) {
		if key[i] >= utf8.RuneSelf {
			return "accents count here, and the database's collation ignores them"
		}
	}
	return ""
}

// hosted reports whether a step found an active domain.
func hosted(steps []lookup.Step) bool {
	for _, s := range steps {
		if s.Map == "domain" && s.Found && s.Value == "1" {
			return true
		}
	}
	return false
}

func domainOf(key string) string {
	return key[strings.LastIndexByte(key, '@')+1:]
}
