package site

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Values are what differs from site to site.
type Values struct {
	Hostname         string // myhostname of Postfix: the name in MX records, never a hosted domain
	Operator         string // who reads postmaster's mail: an address on another host
	SRSDomain        string // the domain of rewritten senders
	TLSChain         string // file with the key and the certificates of Hostname, or several, with commas
	DatabasePassword string // of the user mailuser
}

// Example is what stands in the shipped files.
func Example() Values {
	return Values{
		Hostname:         "mx.example.org",
		Operator:         "ops@example.net",
		SRSDomain:        "srs.example.org",
		TLSChain:         "/etc/postfix/tls.pem",
		DatabasePassword: "DATABASE-PASSWORD",
	}
}

// domainForm is a host name with at least one dot (RFC 1123, 2.1), in the
// lower case that all of the configuration is written in.
var domainForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$`)

// plainAddress is an address that needs no quotes in mail, main.cf and YAML.
var plainAddress = regexp.MustCompile(`^[A-Za-z0-9](\.?[A-Za-z0-9_+=-])*@([A-Za-z0-9.-]+)$`)

// plainPath is what needs no quotes in main.cf.
var plainPath = regexp.MustCompile(`^/[A-Za-z0-9._/-]+(,\s*/[A-Za-z0-9._/-]+)*$`)

// plainPassword is what needs no quotes in any of the files.
var plainPassword = regexp.MustCompile(`^[A-Za-z0-9._~+/=-]*$`)

// Validate tells every value that would not work, and what would.
func (v Values) Validate() error {
	var faults []error
	fault := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("site: "+format, args...))
		}
	}
	fault(isDomain(v.Hostname), "host name %q: must be a full name such as mx.example.org, in lower case", v.Hostname)
	fault(isDomain(v.SRSDomain), "SRS domain %q: must be a domain such as srs.example.org, in lower case", v.SRSDomain)
	fault(v.Hostname != v.SRSDomain, "SRS domain %q: must not be the host name: bounces and the host's own mail would be mixed up", v.SRSDomain)
	fault(isAddress(v.Operator), "operator %q: must be one address such as ops@example.net", v.Operator)
	_, domain, _ := strings.Cut(strings.ToLower(v.Operator), "@")
	fault(domain != v.Hostname && domain != v.SRSDomain, "operator %q: must not be on this host: that mail leads to the operator", v.Operator)
	fault(plainPath.MatchString(v.TLSChain), "TLS chain %q: must be the whole path of a file, or of several with commas", v.TLSChain)
	fault(plainPassword.MatchString(v.DatabasePassword), "database password: only letters, digits and . _ ~ + / = - need no quotes in all of the files: make one with `openssl rand -hex 24`")
	return errors.Join(faults...)
}

func isDomain(s string) bool { return len(s) <= 253 && domainForm.MatchString(s) }

func isAddress(s string) bool {
	parts := plainAddress.FindStringSubmatch(s)
	return parts != nil && isDomain(strings.ToLower(parts[2]))
}

// Fill puts the values in the place of the example's.
func (v Values) Fill(text string) string {
	e := Example()
	return strings.NewReplacer(
		e.Hostname, v.Hostname,
		e.Operator, v.Operator,
		e.SRSDomain, v.SRSDomain,
		e.TLSChain, v.TLSChain,
		e.DatabasePassword, v.DatabasePassword,
	).Replace(text)
}
