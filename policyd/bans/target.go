package bans

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"postern/internal/lookup"
	"postern/policyd"
)

const (
	maxDomain = 253 // characters of a domain name (RFC 1035, section 2.3.4), written with dots
	maxLabel  = 63

	// A network larger than these is more often a mistake than a ban.
	widest4 = 8
	widest6 = 16
)

// target is what a row bans, as it is compared.
type target struct {
	text    string
	address address      // of an email
	network netip.Prefix // of an ip
	exact   bool         // of a domain: nothing below it
	note    string       // for the operator
}

// parseTarget reads the value of a row. What it returns shares no memory with
// text.
func parseTarget(kind Kind, text string) (target, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return target{}, errors.New("it bans nothing: its value is empty")
	case strings.ContainsFunc(text, unicode.IsControl):
		return target{}, errors.New("its value has control characters")
	}
	switch kind {
	case Email:
		return parseEmail(text)
	case Domain:
		return parseDomain(text)
	case IP:
		return parseIP(text)
	case Name:
		return parseName(text)
	}
	return target{}, fmt.Errorf("its kind is not known: write %s", list([]Kind{Email, Domain, IP, Name}))
}

func parseEmail(text string) (target, error) {
	text = strings.TrimSuffix(strings.TrimPrefix(text, "<"), ">")
	local, domain, ok := cutAddress(strings.Clone(text))
	switch {
	case !ok:
		return target{}, errors.New("it is no address: write user@example.com")
	case local == "" || local == "*":
		return target{}, errors.New("it is no address: to ban a whole domain use kind domain")
	case !isDomain(domain) && !isLiteral(domain):
		return target{}, errors.New("what follows the @ is no domain")
	}
	return target{text: local + "@" + domain, address: address{local, domain}}, nil
}

func parseName(text string) (target, error) {
	local := unquoted(lookup.Fold(strings.Clone(strings.TrimSuffix(text, "@"))))
	if local == "" || local == "*" || strings.Contains(local, "@") {
		return target{}, errors.New("it is no local part: write what stands before the @, or use kind email")
	}
	return target{text: local}, nil
}

// parseDomain reads a domain. A public suffix bans that name alone, for below
// it are strangers; who means them all says so with "*.".
func parseDomain(text string) (target, error) {
	bare, all := text, false
	for _, prefix := range []string{"@", "*.", "."} {
		rest, found := strings.CutPrefix(bare, prefix)
		bare, all = rest, all || found && prefix != "@"
	}
	name := asciiDomain(strings.Clone(bare))
	if !isDomain(name) {
		return target{}, errors.New("it is no domain: write example.com")
	}
	t := target{text: name}
	if isPublicSuffix(name) {
		t.exact = !all
		t.note = "it is a public suffix and bans that name alone: to ban all below it write *." + name
		if all {
			t.note = "it bans all domains below a public suffix"
		}
	}
	return t, nil
}

// isPublicSuffix tells names under which anybody may register a domain: those
// of registries, and every name without a dot. Those that companies had put on
// the list (github.io) are as good a target of a ban as any domain.
func isPublicSuffix(name string) bool {
	suffix, registry := publicsuffix.PublicSuffix(name)
	return suffix == name && (registry || !strings.Contains(name, "."))
}

func parseIP(text string) (target, error) {
	text = strings.TrimSuffix(text, ".")
	if len(text) > len("[ipv6:") && strings.EqualFold(text[:len("[ipv6:")], "[ipv6:") {
		text = "[" + text[len("[ipv6:"):]
	}
	network, err := policyd.ParseNetwork(text)
	if err != nil {
		return target{}, errors.New("it is no address and no network: write 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32")
	}
	t := target{text: network.String(), network: network}
	switch {
	case network.Bits() == 0:
		return target{}, errors.New("it would ban everybody")
	case network.Bits() < widestOf(network):
		t.note = "it bans a large part of the Internet"
	case network.IsSingleIP():
		t.text = network.Addr().String()
	}
	return t, nil
}

func widestOf(p netip.Prefix) int {
	if p.Addr().Is4() {
		return widest4
	}
	return widest6
}

// cutAddress cuts an address at its last @ into halves as they are compared:
// the local part folded and without quotes, the domain as in DNS.
func cutAddress(text string) (local, domain string, ok bool) {
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		return "", "", false
	}
	return unquoted(lookup.Fold(text[:at])), asciiDomain(text[at+1:]), true
}

// addressOf is an address as it is compared, or the zero value for what is
// none.
func addressOf(text string) address {
	local, domain, _ := cutAddress(text)
	return address{local, domain}
}

// unquoted is a local part in Postfix's internal form.
func unquoted(local string) string {
	last := len(local) - 1
	if last < 1 || local[0] != '"' || local[last] != '"' {
		return local
	}
	var b strings.Builder
	for i := 1; i < last; i++ {
		if local[i] == '\\' && i+1 < last {
			i++
		}
		b.WriteByte(local[i])
	}
	return b.String()
}

// asciiDomain is a domain as in DNS: in lower case, without the dot at its
// end, of other letters the xn-- form. What has none stays as it is.
func asciiDomain(name string) string {
	name = lookup.Fold(strings.TrimSuffix(name, "."))
	if isASCII(name) || !utf8.ValidString(name) {
		return name
	}
	ascii, err := idna.New(idna.MapForLookup()).ToASCII(name)
	if err != nil {
		return name
	}
	return strings.TrimSuffix(ascii, ".")
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// isLiteral tells the domain of an address at a host without a name.
func isLiteral(domain string) bool {
	_, ok := literal(domain)
	return ok && strings.HasPrefix(domain, "[")
}

// isDomain tells what can be a domain name in DNS. The last label is no
// number: that is an address.
func isDomain(name string) bool {
	if name == "" || len(name) > maxDomain {
		return false
	}
	last := ""
	for last = range strings.SplitSeq(name, ".") {
		if last == "" || len(last) > maxLabel || strings.Trim(last, labelLetters) != "" {
			return false
		}
	}
	return strings.Trim(last, "0123456789") != ""
}

// labelLetters are the characters of host names, and the underscore that some
// have all the same.
const labelLetters = "abcdefghijklmnopqrstuvwxyz0123456789-_"
