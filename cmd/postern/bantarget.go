package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"

	"postern/internal/lookup"
	"postern/internal/store"
)

// maxBanValue is what the column holds, in characters.
const maxBanValue = 254

// banKinds are the kinds of bans (api_bans.ban_type).
func banKinds() []string { return []string{"domain", "email", "ip", "name"} }

// errBanKind is a kind that the table does not know.
func errBanKind(kind string) error {
	return fmt.Errorf("--type %q is none: write domain, email, ip or name", kind)
}

// parseBanTarget reads whom a ban is about. An empty kind is guessed: with a
// local part it is an address, then a network, and with a dot a domain.
func parseBanTarget(kind, input string) (store.BanTarget, error) {
	text := lookup.Fold(strings.TrimSpace(input))
	if err := plainText(text); err != nil {
		return store.BanTarget{}, fmt.Errorf("%.200q: %w", input, err)
	}
	if kind == "" {
		kind = guessBanKind(text)
	}
	var err error
	switch kind {
	case "domain":
		text = strings.TrimSuffix(strings.TrimPrefix(text, "@"), ".")
		err = checkBanDomain(text)
	case "email":
		text = strings.TrimSuffix(text, ".")
		err = checkBanEmail(text)
	case "ip":
		text, err = banNetwork(text)
	case "name":
		err = checkBanName(text)
	case "":
		err = errors.New("cannot tell what it is: an address has an @, a domain a dot; a name alone, the part before the @, needs --type name")
	default:
		return store.BanTarget{}, errBanKind(kind)
	}
	if err != nil {
		return store.BanTarget{}, fmt.Errorf("%.200q: %w", input, err)
	}
	return store.BanTarget{Kind: kind, Value: text}, nil
}

// guessBanKind is the kind that a text looks like; empty if it could be
// anything.
func guessBanKind(text string) string {
	address, _, _ := strings.Cut(text, "/")
	_, network := store.ParsePrefix(address) // the length may be wrong
	at := strings.LastIndexByte(text, '@')
	switch {
	case at > 0:
		return "email"
	case at == 0:
		return "domain"
	case network || strings.Count(address, ":") > 1:
		return "ip"
	case strings.Contains(text, "."):
		return "domain"
	}
	return ""
}

// plainText refuses what no target holds.
func plainText(text string) error {
	switch {
	case text == "":
		return errors.New("nothing to ban: name a domain, an address, a network or a name")
	case !utf8.ValidString(text):
		return errors.New("is not UTF-8")
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }):
		return errors.New("has blanks or control characters in it: name one target")
	case utf8.RuneCountInString(text) > maxBanValue:
		return fmt.Errorf("has %d characters: %d at most", utf8.RuneCountInString(text), maxBanValue)
	}
	return nil
}

// checkBanDomain accepts a domain name (RFC 1123, with underscores, and letters
// beyond ASCII as RFC 6531 has them).
func checkBanDomain(name string) error {
	labels := strings.Split(name, ".")
	last := labels[len(labels)-1]
	switch {
	case strings.Contains(name, "://") || strings.Contains(name, "/"):
		return errors.New("is no domain: write the domain alone, as in example.com")
	case strings.ContainsAny(name, "*") || strings.HasPrefix(name, "."):
		return errors.New("is no domain: a ban covers all that is below it, so write example.com")
	case len(name) > 253:
		return fmt.Errorf("has %d bytes: a domain has 253 at most", len(name))
	case strings.Trim(last, "0123456789") == "":
		return errors.New("is no domain, its last part is a number: write an address as 192.0.2.1, a network as 192.0.2.0/24")
	}
	for _, label := range labels {
		if err := checkLabel(label); err != nil {
			return err
		}
	}
	return nil
}

func checkLabel(label string) error {
	odd := strings.IndexFunc(label, func(r rune) bool {
		return r != '-' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
	switch {
	case label == "":
		return errors.New("is no domain: a part between two dots is empty")
	case len(label) > 63:
		return fmt.Errorf("is no domain: the part %.20q… has %d bytes, 63 at most", label, len(label))
	case odd >= 0:
		r, _ := utf8.DecodeRuneInString(label[odd:])
		return fmt.Errorf("is no domain: %q cannot be part of one", r)
	case label[0] == '-' || label[len(label)-1] == '-':
		return fmt.Errorf("is no domain: the part %q begins or ends with a hyphen", label)
	}
	return nil
}

// checkBanEmail accepts LOCAL@DOMAIN as Postfix hands it over, without <>.
func checkBanEmail(address string) error {
	at := strings.LastIndexByte(address, '@')
	switch {
	case strings.ContainsAny(address, "<>"):
		return errors.New("is no address: write it without < and >, as in user@example.com")
	case at < 0:
		return errors.New("is no address: write user@example.com")
	case at == 0:
		return errors.New("has nothing before the @: --type domain bans a whole domain")
	case strings.Contains(address[:at], "*"):
		return errors.New("has a * before the @: a ban of a whole domain is written as the domain, example.com")
	}
	if literal, ok := strings.CutPrefix(address[at+1:], "["); ok {
		literal = strings.TrimPrefix(strings.TrimSuffix(literal, "]"), "ipv6:")
		if _, err := netip.ParseAddr(literal); err != nil {
			return errors.New("is no address: between [ and ] stands an IP address")
		}
		return nil
	}
	if err := checkBanDomain(address[at+1:]); err != nil {
		return fmt.Errorf("behind the @: %w", err)
	}
	return nil
}

// banNetwork is an address or a network in its one spelling.
func banNetwork(text string) (string, error) {
	prefix, ok := store.ParsePrefix(text)
	switch {
	case ok:
		return store.PrefixText(prefix), nil
	case strings.Contains(text, "%"):
		return "", errors.New("has a zone: a ban holds on every interface, so write it without")
	case strings.Contains(text, "-"):
		return "", errors.New("is no address or network: a range is written as networks, as in 192.0.2.0/24")
	}
	return "", errors.New("is no address or network: write 192.0.2.1, 192.0.2.0/24, 2001:db8::1 or 2001:db8::/32")
}

// checkBanName accepts a local part.
func checkBanName(name string) error {
	switch {
	case strings.Contains(name, "@"):
		return errors.New("is no name: --type name takes what stands before the @")
	case len(name) > 64:
		return fmt.Errorf("has %d bytes: a local part has 64 at most (RFC 5321, 4.5.3.1.1)", len(name))
	}
	return nil
}

// tooWide refuses a ban that hits more than anybody can have meant.
func tooWide(t store.BanTarget) error {
	switch t.Kind {
	case "domain":
		if suffix, _ := publicsuffix.PublicSuffix(t.Value); suffix == t.Value {
			return fmt.Errorf("%s is no one's domain: everybody can register below it (publicsuffix.org); --force bans all of them", t.Value)
		}
	case "ip":
		prefix, _ := store.ParsePrefix(t.Value)
		if least := map[bool]int{true: 8, false: 16}[prefix.Addr().Is4()]; prefix.Bits() < least {
			return fmt.Errorf("%s is a large part of the Internet: --force bans more than a /%d", t.Value, least)
		}
	}
	return nil
}

// isBanKind reports whether the table knows the kind.
func isBanKind(kind string) bool { return slices.Contains(banKinds(), kind) }
