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
	// Required. The domain of rewritten senders. Its MX must lead to this host.
	// Example: srs.example.org
	Domain string `yaml:"domain"`

	// Required. The file of the secrets, which postern srs rotate makes, or
	// credential:NAME. Only the daemon that rewrites reads it.
	// Example: /etc/postern/srs.secret
	SecretsFile string `yaml:"secrets_file"`

	// A listener for tcp: tables that rewrites senders, as PostSRSd 1.x has it.
	// Example: inet:127.0.0.1:10001
	Forward Listener `yaml:"forward"`

	// Its counterpart that turns SRS addresses back.
	// Example: inet:127.0.0.1:10002
	Reverse Listener `yaml:"reverse"`

	// A listener for socketmap: tables with the maps forward and reverse, as
	// PostSRSd 2.x has it. Daemons that run alone ask it, too.
	// Example: inet:127.0.0.1:10004
	Socketmap Listener `yaml:"socketmap"`

	// A milter that rewrites senders only of mail that leaves: for
	// smtpd_milters, instead of the canonical maps.
	// Example: unix:/var/spool/postfix/postern/srs-milter
	Milter Listener `yaml:"milter"`

	// Domains whose senders stay as they are, besides the SRS domain and
	// myhostname; .example.org is all below it.
	// Example: [example.org]
	LocalDomains []string `yaml:"local_domains"`

	// local: senders at hosted domains, the active rows of table domain, stay
	// as they are, too. rewrite: they do not.
	// Default: rewrite
	HostedDomains string `yaml:"hosted_domains"`

	// Where senders are kept that are too long for an address: sqlite:PATH, or
	// redis://HOST:PORT/DB (also rediss://, redis+sentinel://) for several hosts.
	// Example: sqlite:/var/lib/postern/srs.db
	Store string `yaml:"store"`

	// The character behind SRS0 and SRS1: = + or -. All are read.
	// Default: "="
	Separator string `yaml:"separator"`

	// The letters of the hashes that are written: base64url (- and _) or base64
	// (+ and /). Both are read.
	// Default: base64url
	Alphabet string `yaml:"alphabet"`

	// How many characters of a hash are written, 1 to 20.
	// Default: 4
	HashLength int `yaml:"hash_length"`

	// How many characters of a hash an address must have, 1 to hash_length.
	// Raise it three weeks after hash_length.
	// Default: 4
	HashMinimum int `yaml:"hash_minimum"`

	// Who may send to an SRS address: null, the null sender of bounces alone,
	// or any.
	// Default: "null"
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
