package postsrsd

import (
	"fmt"
	"os"
	"time"
)

// Conf is a postsrsd.conf of PostSRSd 2.x, with its defaults filled in.
type Conf struct {
	Path string // of the file; empty: no file, all options have their defaults

	Domains          []string // as written
	DomainsFile      string   // empty: none
	DomainsFileWatch bool     // reload when it changes
	SRSDomain        string   // srs-domain, else the first local domain; no leading dot
	Local            *Domains // domains, those of domains-file, and the SRS domain

	Socketmap       Endpoint      // zero: off
	Milter          Endpoint      // zero: off
	KeepAlive       time.Duration // how long a request is awaited; 0: forever
	ConnectionLimit int           // connections above it are closed at once; 0: every one

	SecretsFile          string
	MilterRewriteLocal   bool
	MilterRecipientLimit int
	OriginalEnvelope     string   // embedded or database
	EnvelopeDatabase     Database // zero unless OriginalEnvelope is database
	Separator            byte
	HashLength           int // characters of a hash
	HashMinimum          int
	AlwaysRewrite        bool

	UnprivilegedUser string // empty: stay who we are
	ChrootDir        string // empty: none
	PIDFile          string // empty: none
	Daemonize        bool
	Syslog           bool
	Debug            bool
	Seccomp          bool

	// Warnings are what a postmaster should know and PostSRSd accepts; each
	// begins with file and line.
	Warnings []string

	given     map[string]place // options the file has, or the command line
	endpoints [2]string        // socketmap and milter, as written
	database  string           // envelope-database, as written
}

// The values that PostSRSd 2.4 is built with for the prefix /usr, where it
// does not take them from the file.
const (
	DefaultConf      = "/etc/postsrsd.conf"
	DefaultSocketmap = "unix:/var/spool/postfix/srs"
	DefaultUser      = "nobody"
	DefaultChrootDir = "/var/lib/postsrsd"
)

// Overrides are what the command line of PostSRSd 2.x may say beside -C.
// Each wins over the file if it is given, even if it is empty.
type Overrides struct {
	ChrootDir        *string // -c
	PIDFile          *string // -p
	UnprivilegedUser *string // -u
	Daemonize        bool    // -D
}

// Override lets the command line win, as PostSRSd does after reading the file.
func (c *Conf) Override(o Overrides) {
	set := func(option, flag string, field, value *string) {
		if value != nil {
			*field = *value
			c.given[option] = place{file: "option " + flag}
		}
	}
	set("chroot-dir", "-c", &c.ChrootDir, o.ChrootDir)
	set("pid-file", "-p", &c.PIDFile, o.PIDFile)
	set("unprivileged-user", "-u", &c.UnprivilegedUser, o.UnprivilegedUser)
	c.Daemonize = c.Daemonize || o.Daemonize
}

// Given reports whether the file or the command line has the option, by its
// name in postsrsd.conf; else its value is the default.
func (c *Conf) Given(option string) bool {
	_, ok := c.given[option]
	return ok
}

// Where is the place that messages about an option should begin with:
// FILE:LINE, or the file if the option has its default.
func (c *Conf) Where(option string) string {
	if at, ok := c.given[option]; ok {
		return at.String()
	}
	return c.name()
}

func (c *Conf) name() string {
	if c.Path == "" {
		return "postsrsd.conf"
	}
	return c.Path
}

func (c *Conf) warn(at place, format string, args ...any) {
	c.Warnings = append(c.Warnings, at.String()+": "+fmt.Sprintf(format, args...))
}

// maxConf and maxDomainsFile bound what is read, in bytes; a domains-file of
// this size has some 800,000 names.
const (
	maxConf        = 4 << 20
	maxDomainsFile = 16 << 20
)

// ReadConf reads a postsrsd.conf and its domains-file. The first error found
// is an *Error. Secrets are not read. ${NAME} in a value is taken from the
// environment.
func ReadConf(path string) (*Conf, error) {
	text, err := readFile(path, maxConf)
	if err != nil {
		return nil, &Error{File: path, Err: err}
	}
	c, err := ParseConf(path, text, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	if err := c.loadDomainsFile(); err != nil {
		return nil, err
	}
	return c, nil
}
