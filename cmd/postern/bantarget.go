package main

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"

	"postern/internal/store"
)

// maxBanValue is what the column holds, in characters.
const maxBanValue = 254

// errBanKind is a kind that the table does not know.
func errBanKind(kind string) error {
	return fmt.Errorf("--type %q is none: write domain, email, ip or name", kind)
}

// parseBanTarget reads whom a ban is about, into the canonical spelling. An
// empty kind is guessed: with a local part it is an address, then a network,
// and with a dot a domain.
func parseBanTarget(kind, input string) (store.BanTarget, error) {
	text := strings.TrimSpace(input)
	if kind == "" {
		kind = guessBanKind(text)
	}
	err := plainText(text)
	if err == nil {
		err = checkBanTarget(kind, text)
	}
	target := store.BanTarget{Kind: kind, Value: text}.Canonical()
	if err == nil && utf8.RuneCountInString(target.Value) > maxBanValue {
		err = fmt.Errorf("has %d characters: %d at most", utf8.RuneCountInString(target.Value), maxBanValue)
	}
	if err != nil {
		return store.BanTarget{}, fmt.Errorf("%.200q: %w", input, err)
	}
	return target, nil
}

// checkBanTarget says what is wrong with a target and what would be right.
func checkBanTarget(kind, text string) error {
	switch kind {
	case "domain":
		return checkBanDomain(strings.TrimPrefix(text, "@"))
	case "email":
		return checkBanEmail(text)
	case "ip":
		return checkBanNetwork(text)
	case "name":
		return checkBanName(text)
	case "":
		return errors.New("cannot tell what it is: an address has an @, a domain a dot; a name alone, the part before the @, needs --type name")
	}
	return errBanKind(kind)
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
	case len(text) > 4*maxBanValue:
		return fmt.Errorf("has %d bytes: %d characters at most", len(text), maxBanValue)
	}
	return nil
}

// checkBanDomain accepts a domain name in DNS's spelling (RFC 1123, with
// underscores) or in its own letters, and a public suffix with "*.".
func checkBanDomain(text string) error {
	name := store.BanTarget{Kind: "domain", Value: text}.Canonical().Value
	labels := strings.Split(name, ".")
	switch {
	case strings.ContainsAny(text, "/"):
		return errors.New("is no domain: write the domain alone, as in example.com")
	case strings.ContainsAny(text[:min(1, len(text))], "*.") && !isPublicSuffix(name):
		return errors.New("is no domain: a ban covers all that is below it, so write example.com")
	case len(name) > 253:
		return fmt.Errorf("has %d bytes: a domain has 253 at most", len(name))
	case strings.Trim(labels[len(labels)-1], "0123456789") == "":
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
	odd := strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_")
	switch {
	case label == "":
		return errors.New("is no domain: a part between two dots is empty")
	case len(label) > 63:
		return fmt.Errorf("is no domain: the part %.20q… has %d bytes, 63 at most", label, len(label))
	case odd != "":
		r, _ := utf8.DecodeRuneInString(odd)
		return fmt.Errorf("is no domain: %q cannot be part of one", r)
	}
	return nil
}

// checkBanEmail accepts LOCAL@DOMAIN.
func checkBanEmail(text string) error {
	at := strings.LastIndexByte(text, '@')
	switch {
	case strings.ContainsAny(text, "<>"):
		return errors.New("is no address: write it without < and >, as in user@example.com")
	case at < 0:
		return errors.New("is no address: write user@example.com")
	case at == 0:
		return errors.New("has nothing before the @: --type domain bans a whole domain")
	case strings.Contains(text[:at], "*"):
		return errors.New("has a * before the @: a ban of a whole domain is written as the domain, example.com")
	}
	if err := checkBanDomain(text[at+1:]); err != nil {
		return fmt.Errorf("behind the @: %w", err)
	}
	return nil
}

// checkBanNetwork accepts an address or a network. What is larger than the
// networks here is taken for a mistake by the policy daemon, too.
func checkBanNetwork(text string) error {
	prefix, ok := store.ParsePrefix(text)
	widest := 16
	if prefix.Addr().Is4() {
		widest = 8
	}
	switch {
	case ok && prefix.Bits() < widest:
		return fmt.Errorf("is a large part of the Internet: a /%d is the largest network that can be banned", widest)
	case ok:
		return nil
	case strings.Contains(text, "%"):
		return errors.New("has a zone: a ban holds on every interface, so write it without")
	case strings.Contains(text, "-"):
		return errors.New("is no address or network: a range is written as networks, as in 192.0.2.0/24")
	}
	return errors.New("is no address or network: write 192.0.2.1, 192.0.2.0/24, 2001:db8::1 or 2001:db8::/32")
}

// checkBanName accepts a local part.
func checkBanName(name string) error {
	switch {
	case strings.ContainsAny(name, "@*"):
		return errors.New("is no name: --type name takes what stands before the @")
	case len(name) > 64:
		return fmt.Errorf("has %d bytes: a local part has 64 at most (RFC 5321, 4.5.3.1.1)", len(name))
	}
	return nil
}

// isPublicSuffix tells names below which anybody may register a domain: those
// of registries (publicsuffix.org), and every name without a dot.
func isPublicSuffix(name string) bool {
	suffix, registry := publicsuffix.PublicSuffix(name)
	return suffix == name && (registry || !strings.Contains(name, "."))
}

// covers reports whether a ban of one target also hits another. Both are
// canonical.
func covers(banned, other store.BanTarget) bool {
	_, domain, _ := strings.Cut(other.Value, "@")
	switch banned.Kind + " " + other.Kind {
	case "domain domain":
		return below(other.Value, banned.Value)
	case "domain email":
		return below(domain, banned.Value)
	case "ip ip":
		outer, _ := store.ParsePrefix(banned.Value)
		inner, _ := store.ParsePrefix(other.Value)
		return outer.Bits() <= inner.Bits() && outer.Overlaps(inner)
	}
	return banned == other
}

// below reports whether a domain is another one or below it.
func below(name, domain string) bool {
	return name == domain || strings.HasSuffix(name, "."+domain)
}

// isBanKind reports whether the table knows the kind.
func isBanKind(kind string) bool {
	return kind == "domain" || kind == "email" || kind == "ip" || kind == "name"
}
