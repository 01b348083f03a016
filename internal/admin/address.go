package admin

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"postern/internal/lookup"
)

// What RFC 5321, 4.5.3.1 and RFC 1035, 2.3.4 leave room for, in bytes.
const (
	maxLocal   = 64
	maxDomain  = 253
	maxLabel   = 63
	maxAddress = 254
)

var (
	errRoute     = errors.New("has % or ! in its name, which Postfix refuses as a route (allow_untrusted_routing)")
	errNotHandle = errors.New("is an address: a handle is the part before the @, at every hosted domain; 'postern alias add' is for one address")
)

// parseDomain reads a domain into the spelling of the tables: in lower case,
// without the dot at its end.
func parseDomain(input string) (string, error) {
	name := strings.TrimSuffix(input, ".")
	if err := checkDomain(name); err != nil {
		return "", err
	}
	return strings.ToLower(name), nil
}

func checkDomain(name string) error {
	switch {
	case name == "":
		return errors.New("has no domain: write one as example.org")
	case !utf8.ValidString(name):
		return errors.New("is not UTF-8")
	case strings.ContainsFunc(name, func(r rune) bool { return r >= utf8.RuneSelf }):
		return errForeign(name)
	case strings.HasPrefix(name, "["):
		return errors.New("is an address literal: mail is hosted by name, as example.org")
	case strings.ContainsAny(name, "@/:*"):
		return errors.New("is no domain: write it alone, as example.org")
	case len(name) > maxDomain:
		return fmt.Errorf("has a domain of %d bytes: %d at most", len(name), maxDomain)
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if err := checkLabel(label); err != nil {
			return err
		}
	}
	last := labels[len(labels)-1]
	switch {
	case strings.Trim(last, "0123456789") == "":
		return errors.New("is no domain: its last part is a number")
	case len(labels) < 2:
		return fmt.Errorf("has no dot: a domain that others can send to has one, as %s.example", last)
	}
	return nil
}

// errForeign offers the form of a name that DNS and the daemons know.
func errForeign(name string) error {
	ascii, err := idna.New(idna.MapForLookup()).ToASCII(name)
	if err != nil || checkDomain(ascii) != nil {
		return errors.New("has letters beyond ASCII, and no form in DNS: write the domain in ASCII")
	}
	return fmt.Errorf("has letters beyond ASCII, and nothing here converts them: write %s, as DNS does", ascii)
}

func checkLabel(label string) error {
	odd := strings.IndexFunc(label, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
	})
	switch {
	case label == "":
		return errors.New("has a domain in which a part between two dots is empty")
	case odd >= 0:
		return fmt.Errorf("has %q in its domain: letters, digits, hyphens and dots are what one is made of", label[odd:odd+1])
	case len(label) > maxLabel:
		return fmt.Errorf("has %.20q… in its domain with %d bytes between two dots: %d at most", label, len(label), maxLabel)
	case label[0] == '-' || label[len(label)-1] == '-':
		return fmt.Errorf("has %.70q in its domain, which begins or ends with a hyphen", label)
	}
	if strings.HasPrefix(strings.ToLower(label), "xn--") {
		if _, err := idna.Punycode.ToUnicode(strings.ToLower(label)); err != nil {
			return fmt.Errorf("has %.70q in its domain, which begins as a converted name and is none", label)
		}
	}
	return nil
}

// checkLocal accepts a dot-string (RFC 5321, 4.1.2) of ASCII and UTF-8.
func checkLocal(local string) error {
	switch {
	case local == "":
		return errors.New("has nothing before the @")
	case !utf8.ValidString(local):
		return errors.New("is not UTF-8")
	case strings.ContainsFunc(local, unicode.IsControl):
		return errors.New("has control characters")
	case strings.ContainsFunc(local, unicode.IsSpace):
		return errors.New("has blanks in it: separate several addresses by commas")
	case len(local) > maxLocal:
		return fmt.Errorf("has %d bytes before the @: %d at most", len(local), maxLocal)
	case strings.HasPrefix(local, "|") || strings.HasPrefix(local, "/") || strings.HasPrefix(local, ":"):
		return errors.New("is a command, a file or a list, which virtual aliases cannot lead to (virtual(5)): write an address")
	case strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, ".."):
		return errors.New("has a dot at an end of its name, or two in a row")
	}
	for _, r := range local {
		switch {
		case strings.ContainsRune(`"(),:;<>[\]@`, r):
			return fmt.Errorf("has %q in its name: write the bare address, as info@example.org", string(r))
		case r >= utf8.RuneSelf && (!unicode.IsPrint(r) || lookup.Fold(string(r)) == ""):
			return fmt.Errorf("has %+q in its name, which cannot be seen", r)
		}
	}
	return nil
}

// parseAddress reads user@domain. The name keeps its case, which may mean
// something elsewhere.
func parseAddress(input string) (string, error) {
	at := strings.LastIndexByte(input, '@')
	if at < 0 {
		if err := checkLocal(input); err != nil {
			return "", err
		}
		return "", errors.New("has no @: write the whole address, as info@example.org")
	}
	if strings.HasPrefix(input, "<") && strings.HasSuffix(input, ">") {
		return "", errors.New("is in < >: write the address alone")
	}
	if err := checkLocal(input[:at]); err != nil {
		return "", err
	}
	domain, err := parseDomain(input[at+1:])
	if err != nil {
		return "", err
	}
	if address := input[:at+1] + domain; len(address) <= maxAddress {
		return address, nil
	}
	return "", fmt.Errorf("has %d bytes: %d at most", at+1+len(domain), maxAddress)
}

// parseOwn reads an address at a domain of ours, or @domain for all of them, as
// the daemons look for it.
func parseOwn(input string) (string, error) {
	if rest, all := strings.CutPrefix(input, "@"); all {
		domain, err := parseDomain(rest)
		return "@" + domain, err
	}
	address, err := parseAddress(input)
	if err != nil {
		return "", err
	}
	if local, _ := cut(address); strings.ContainsAny(local, "%!") {
		return "", errRoute
	}
	return lookup.Fold(address), nil
}

// cut splits an address at its @.
func cut(address string) (local, domain string) {
	at := strings.LastIndexByte(address, '@')
	return address[:max(at, 0)], address[at+1:]
}
