package postsrsd

import (
	"errors"
	"fmt"
	"strings"
)

// at is the place of an option, or the file if the option has its default.
func (c *Conf) at(option string) place {
	if at, ok := c.given[option]; ok {
		return at
	}
	return place{file: c.name()}
}

// check is what PostSRSd 2.4 demands of the options together.
func (c *Conf) check() (err error) {
	if c.HashMinimum > c.HashLength {
		return c.at("hash-minimum").errorf("hash-minimum %d is above hash-length %d: no address of our own would verify", c.HashMinimum, c.HashLength)
	}
	if c.SecretsFile == "" {
		return c.at("secrets-file").errorf("secrets-file is empty: name the file that holds the secret")
	}
	if c.Socketmap, err = c.endpoint("socketmap", c.endpoints[0]); err != nil {
		return err
	}
	if c.Milter, err = c.endpoint("milter", c.endpoints[1]); err != nil {
		return err
	}
	if err := c.checkDatabase(); err != nil {
		return err
	}
	return c.settleDomains(nil, nil)
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
		return c.at("original-envelope").errorf("original-envelope = database needs an envelope-database: write sqlite:FILE or redis:HOST:PORT")
	}
	c.EnvelopeDatabase, err = ParseDatabase(c.database)
	if err != nil {
		return c.at("envelope-database").errorf("envelope-database: %w", err)
	}
	return nil
}

// settleDomains makes the set of local domains and finds the SRS domain:
// srs-domain, else the first of domains, else the first of the domains-file.
func (c *Conf) settleDomains(names []string, lines []int) error {
	c.Local = NewDomains()
	for _, name := range c.Domains {
		c.addLocal(c.at("domains"), name)
	}
	for i, name := range names {
		c.addLocal(place{c.DomainsFile, lines[i]}, name)
	}
	if c.SRSDomain == "" && len(c.Domains) > 0 {
		c.SRSDomain = c.Domains[0]
	}
	if c.SRSDomain == "" && len(names) > 0 {
		c.SRSDomain = names[0]
	}
	c.SRSDomain = strings.TrimPrefix(c.SRSDomain, ".")
	if c.SRSDomain != "" {
		c.Local.Add(c.SRSDomain)
	}
	return nil
}

func (c *Conf) addLocal(at place, name string) {
	if !c.Local.Add(name) {
		c.warn(at, "the local domain %s is there twice", shown(name))
	}
}

// loadDomainsFile adds the names of domains-file, if there is one.
func (c *Conf) loadDomainsFile() error {
	if c.DomainsFile == "" {
		return c.needSRSDomain()
	}
	text, err := readFile(c.DomainsFile, maxDomainsFile)
	if err != nil {
		return c.at("domains-file").errorf("domains-file: %s: %w", c.DomainsFile, err)
	}
	names, lines, err := parseDomains(c.DomainsFile, text)
	if err != nil {
		return err
	}
	c.Warnings = nil
	if err := c.settleDomains(names, lines); err != nil {
		return err
	}
	return c.needSRSDomain()
}

func (c *Conf) needSRSDomain() error {
	if c.SRSDomain == "" {
		return &Error{File: c.name(), Err: errors.New("there is no SRS domain: set srs-domain, or a local domain in domains")}
	}
	return nil
}

// unknownOption names what was probably meant.
func unknownOption(name string) error {
	if name == "include" {
		return errors.New("include() is unknown to PostSRSd: write the options into this file")
	}
	return fmt.Errorf("there is no option %s", shown(name))
}
