package config

import (
	"net/url"
	"strings"
)

// SRSD is the SRS daemon.
type SRSD struct {
	Domain       string   `yaml:"domain"`
	SecretsFile  string   `yaml:"secrets_file"`
	Forward      Listener `yaml:"forward"` // tcp_table, as PostSRSd 1.x
	Reverse      Listener `yaml:"reverse"`
	Socketmap    Listener `yaml:"socketmap"` // maps forward and reverse, as PostSRSd 2.x
	Milter       Listener `yaml:"milter"`
	LocalDomains []string `yaml:"local_domains"` // added to the active rows of table domain
	Store        string   `yaml:"store"`         // sqlite:PATH or redis://HOST:PORT/DB, for senders too long to embed
	Separator    string   `yaml:"separator"`     // = + -
	Alphabet     string   `yaml:"alphabet"`      // of the hashes written: base64 (+ /) or base64url (- _)
}

func (v *validator) srsd(s *SRSD) {
	for name, l := range map[string]Listener{
		"forward": s.Forward, "reverse": s.Reverse, "socketmap": s.Socketmap, "milter": s.Milter,
	} {
		if l.At != "" {
			v.listener("$.srsd."+name, l)
		}
	}
	switch {
	case s.Domain == "":
		v.fail("$.srsd", "srsd needs a domain: the one that rewritten senders carry, with an MX that leads here")
	case strings.Contains(s.Domain, "$"):
		v.fail("$.srsd.domain", "%q is not expanded here: write the domain itself", s.Domain)
	case !strings.Contains(strings.Trim(s.Domain, "."), "."):
		v.fail("$.srsd.domain", "%q has no dot: an SRS domain must be a name that other hosts can look up", s.Domain)
	}
	if s.Separator != "" && s.Separator != "=" && s.Separator != "+" && s.Separator != "-" {
		v.fail("$.srsd.separator", "%q is no separator: write one of = + -", s.Separator)
	}
	v.word("$.srsd.alphabet", "alphabet", s.Alphabet, []string{"base64", "base64url"})
	if path, ok := strings.CutPrefix(s.Store, "sqlite:"); s.Store != "" && (!ok || path == "") && !isRedisURL(s.Store) {
		v.fail("$.srsd.store", "%q is no store: write sqlite:PATH or redis://HOST:PORT/DB", s.Store)
	}
}

// isRedisURL accepts the URLs of a Redis server, with TLS and Sentinel.
func isRedisURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "redis" || u.Scheme == "rediss" || u.Scheme == "redis+sentinel")
}
