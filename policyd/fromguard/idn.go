package fromguard

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"postern/internal/lookup"
)

// sender is an address as it is asked for: rows may have an internationalized
// domain in either spelling.
type sender struct {
	domain string   // as in DNS: in lower case, with xn--; empty: DNS cannot have it
	asked  []string // folded, the spelling that was written first
}

func senderOf(address string) sender {
	at := strings.LastIndexByte(address, '@')
	s := sender{domain: asciiDomain(address[at+1:])}
	if s.domain == "" {
		return s
	}
	for _, domain := range []string{s.domain, unicodeDomain(s.domain)} {
		if domain != "" {
			s.asked = append(s.asked, lookup.Fold(address[:max(at, 0)])+"@"+domain)
		}
	}
	if !isASCII(address[at+1:]) {
		slices.Reverse(s.asked)
	}
	return s
}

// asciiDomain is a domain as in DNS. It is made of what was written, since
// folding makes one domain of two: straße.example and strasse.example.
func asciiDomain(domain string) string {
	if isASCII(domain) {
		return strings.ToLower(domain)
	}
	ascii, err := conversion().ToASCII(norm.NFC.String(strings.ToLower(domain)))
	if err != nil {
		return ""
	}
	return ascii
}

// unicodeDomain is the other spelling of a domain with xn--, folded; empty:
// there is none, or it would be that of another domain.
func unicodeDomain(domain string) string {
	if !strings.Contains(domain, "xn--") {
		return ""
	}
	text, err := conversion().ToUnicode(domain)
	if err != nil {
		return ""
	}
	if text = lookup.Fold(text); isASCII(text) || asciiDomain(text) != domain {
		return ""
	}
	return text
}

// conversion is that of RFC 5891 without the mapping of other characters, and
// with the underscores that some hosts have.
func conversion() *idna.Profile {
	return idna.New(idna.ValidateForRegistration(), idna.StrictDomainName(false))
}

func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}
