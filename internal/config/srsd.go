package config

import (
	"cmp"
	"fmt"
	"strings"

	"postern/srsd/envelope"
	"postern/srsd/postsrsd"
)

// SRSD is the SRS daemon.
type SRSD struct {
	Domain       string   `yaml:"domain"`
	SecretsFile  string   `yaml:"secrets_file"`
	Forward      Listener `yaml:"forward"` // tcp_table, as PostSRSd 1.x
	Reverse      Listener `yaml:"reverse"`
	Socketmap    Listener `yaml:"socketmap"` // maps forward and reverse, as PostSRSd 2.x
	Milter       Listener `yaml:"milter"`
	LocalDomains []string `yaml:"local_domains"` // whose senders stay as they are; .DOMAIN is all below it

	// HostedDomains says whether the active rows of table domain are local as
	// well (local) or not (rewrite).
	HostedDomains string `yaml:"hosted_domains"`

	Store       string `yaml:"store"`        // sqlite:PATH or redis://HOST:PORT/DB, for senders too long to embed
	Separator   string `yaml:"separator"`    // = + -
	Alphabet    string `yaml:"alphabet"`     // of the hashes written: base64 (+ /) or base64url (- _)
	HashLength  int    `yaml:"hash_length"`  // characters written
	HashMinimum int    `yaml:"hash_minimum"` // characters asked for

	// Bounces says who may send to an SRS address: the null sender (null) or
	// all (any).
	Bounces string `yaml:"bounces"`
}

// LocalHosted reports whether hosted domains are local to SRS.
func (s *SRSD) LocalHosted() bool { return s.HostedDomains == "local" }

// AnyBounces reports whether mail with a sender may go to an SRS address.
func (s *SRSD) AnyBounces() bool { return s.Bounces == "any" }

func (v *validator) srsd(s *SRSD) {
	for _, l := range []struct {
		name string
		Listener
	}{
		{"forward", s.Forward}, {"reverse", s.Reverse}, {"socketmap", s.Socketmap}, {"milter", s.Milter},
	} {
		if l.At != "" {
			v.listener("$.srsd."+l.name, l.Listener)
		}
	}
	v.srsDomain(s.Domain)
	if s.Separator != "" && s.Separator != "=" && s.Separator != "+" && s.Separator != "-" {
		v.fail("$.srsd.separator", "%q is no separator: write one of = + -", s.Separator)
	}
	if s.SecretsFile == "" {
		v.fail("$.srsd", "srsd needs a secrets_file: `postern srs rotate` makes one")
	}
	v.word("$.srsd.alphabet", "alphabet", s.Alphabet, []string{"base64", "base64url"})
	v.word("$.srsd.hosted_domains", "hosted_domains", s.HostedDomains, []string{"rewrite", "local"})
	v.word("$.srsd.bounces", "bounces", s.Bounces, []string{"null", "any"})
	v.hashes(s)
	for i, d := range s.LocalDomains {
		if err := postsrsd.CheckDomain(d); err != nil {
			v.fail(fmt.Sprintf("$.srsd.local_domains[%d]", i), "%w; .example.org stands for all below it", err)
		}
	}
	if s.Store != "" {
		if err := envelope.Validate(s.Store); err != nil {
			v.fail("$.srsd.store", "%w", err)
		}
	}
}

// srsDomain checks the one domain. A dot at either end would make addresses
// that do not come back: it is no part of the name that a bounce is sent to.
func (v *validator) srsDomain(domain string) {
	const (
		path    = "$.srsd.domain"
		longest = 255
	)
	switch err := postsrsd.CheckDomain(domain); {
	case domain == "":
		v.fail("$.srsd", "srsd needs a domain: the one that rewritten senders carry, with an MX that leads here")
	case strings.Contains(domain, "$"):
		v.fail(path, "%q is not expanded here: write the domain itself", domain)
	case err != nil:
		v.fail(path, "%w", err)
	case len(domain) > longest:
		v.fail(path, "a domain of %d characters: it has at most %d (RFC 5321, section 4.5.3.1.2)", len(domain), longest)
	case strings.HasPrefix(domain, "."):
		v.fail(path, "%q begins with a dot: an SRS domain is one name, such as %s", domain, strings.TrimLeft(domain, "."))
	case !strings.Contains(domain, "."):
		v.fail(path, "%q has no dot: an SRS domain must be a name that other hosts can look up", domain)
	}
}

// hashes checks the lengths of signatures, as PostSRSd 2.x does.
func (v *validator) hashes(s *SRSD) {
	const longest = 20
	for name, n := range map[string]int{"hash_length": s.HashLength, "hash_minimum": s.HashMinimum} {
		if n < 0 || n > longest {
			v.fail("$.srsd."+name, "%d is out of range: a signature has 1 to %d characters, 4 by default", n, longest)
		}
	}
	if written := cmp.Or(s.HashLength, 4); s.HashMinimum > written {
		v.fail("$.srsd.hash_minimum", "%d is more than hash_length (%d): no address would ever verify", s.HashMinimum, written)
	}
}
