package postsrsd

import (
	"errors"
	"os/user"
	"strings"
)

// check is what PostSRSd 2.4 demands of the options together, as far as it
// needs no file.
func (c *Conf) check() (err error) {
	if c.HashMinimum > c.HashLength {
		return c.at("hash-minimum").errorf("hash-minimum %d is above hash-length %d: no address of our own would be accepted", c.HashMinimum, c.HashLength)
	}
	if c.SecretsFile == "" {
		return c.at("secrets-file").errorf("secrets-file is empty: name the file that holds the secret")
	}
	if c.Socketmap, err = c.endpoint("socketmap", c.socketmap); err != nil {
		return err
	}
	if c.Milter, err = c.endpoint("milter", c.milter); err != nil {
		return err
	}
	c.notice()
	return c.checkDatabase()
}

func (c *Conf) endpoint(option, text string) (Endpoint, error) {
	if text == "" {
		return Endpoint{}, nil
	}
	e, err := ParseEndpoint(text)
	if err != nil {
		return e, c.at(option).errorf("%s: %w", option, err)
	}
	return e, nil
}

// checkDatabase looks at envelope-database only if it is used, as PostSRSd.
func (c *Conf) checkDatabase() (err error) {
	if c.OriginalEnvelope != "database" {
		return nil
	}
	if c.database == "" {
		return c.at("original-envelope").errorf(
			"original-envelope = database has no envelope-database: add envelope-database = \"sqlite:FILE\" or \"redis:HOST:PORT\"")
	}
	c.EnvelopeDatabase, err = ParseDatabase(c.database)
	if err != nil {
		return c.at("envelope-database").errorf("envelope-database: %w", err)
	}
	if d := c.EnvelopeDatabase; d.Network == "unix" && !strings.Contains(d.Address, "/") {
		c.warn(c.at("envelope-database"), "%s is the path of a socket: a server on the network is redis:HOST:PORT", shown(d.Address))
	}
	return nil
}

// notice warns of values that PostSRSd accepts and nobody wants.
func (c *Conf) notice() {
	if c.Socketmap.IsZero() && c.Milter.IsZero() {
		c.warn(c.at("socketmap"), "socketmap and milter are both off: nobody can ask")
	}
	if c.ConnectionLimit == 0 {
		c.warn(c.at("connection-limit"), "connection-limit 0 closes every connection")
	}
	if c.MilterRecipientLimit == 0 && !c.Milter.IsZero() {
		c.warn(c.at("milter-recipient-limit"), "milter-recipient-limit 0 rejects every recipient")
	}
	if c.DomainsFileWatch && c.DomainsFile == "" {
		c.warn(c.at("domains-file-watch"), "domains-file-watch has no domains-file to watch")
	}
}

// readDomainsFile adds the names of domains-file, if there is one.
func (c *Conf) readDomainsFile() error {
	if c.DomainsFile == "" {
		return nil
	}
	text, err := readFile(c.DomainsFile, maxDomainsFile)
	if err != nil {
		return c.at("domains-file").errorf("domains-file %s: %w", shown(c.DomainsFile), err)
	}
	entries, err := parseDomains(c.DomainsFile, text)
	c.local = append(c.local, entries...)
	return err
}

// settleDomains makes the set of local domains, and finds the SRS domain:
// srs-domain, else the first local one. It is local, too.
func (c *Conf) settleDomains() error {
	c.Local = new(Domains)
	for _, e := range c.local {
		if len(e.name) > maxDomain {
			c.warn(e.place, "the local domain %s has %d bytes: none of more than %d is ever found", shown(e.name), len(e.name), maxDomain)
		}
		if !c.Local.Add(e.name) {
			c.warn(e.place, "the local domain %s is there twice", shown(e.name))
		}
	}
	if c.SRSDomain == "" && len(c.local) > 0 {
		c.SRSDomain = c.local[0].name
	}
	c.SRSDomain = strings.TrimPrefix(c.SRSDomain, ".")
	if c.SRSDomain == "" {
		return &Error{File: c.Path, Err: errors.New("there is no SRS domain: set srs-domain, or name a local domain in domains")}
	}
	if !strings.Contains(c.SRSDomain, ".") {
		c.warn(c.at("srs-domain"), "the SRS domain %s has no dot: other hosts cannot send their bounces there", shown(c.SRSDomain))
	}
	c.Local.Add(c.SRSDomain)
	return nil
}

// CheckUser reports an unprivileged-user that this machine does not know.
func (c *Conf) CheckUser() error {
	return checkUser(c.at("unprivileged-user"), "unprivileged-user", c.UnprivilegedUser)
}

func checkUser(at place, option, name string) error {
	if name == "" {
		return nil
	}
	if _, err := user.Lookup(name); err != nil {
		return at.errorf("%s: there is no user %s: name one of this machine", option, shown(name))
	}
	return nil
}
