package postsrsd

import (
	"os"
	"path/filepath"
	"time"
)

// Conf is a postsrsd.conf of PostSRSd 2.x, its defaults filled in. The options
// are those of PostSRSd 2.4, see the package comment.
type Conf struct {
	Path string // of the file

	Domains          []string // as written, a leading dot included
	DomainsFile      string   // empty: none
	DomainsFileWatch bool     // read everything again when that file changes
	SRSDomain        string   // srs-domain, else the first local domain; without a leading dot
	Local            *Domains // of domains and domains-file, and the SRS domain

	Socketmap            Endpoint      // zero: off
	Milter               Endpoint      // zero: off
	KeepAlive            time.Duration // how long a request may take to come; 0: for ever
	ConnectionLimit      int           // connections beyond it are closed at once; 0: all of them
	MilterRewriteLocal   bool
	MilterRecipientLimit int // recipients beyond it are rejected; 0: all of them

	SecretsFile      string
	OriginalEnvelope string   // embedded or database
	EnvelopeDatabase Database // zero unless OriginalEnvelope is database
	Separator        byte     // one of = + -
	HashLength       int      // characters of a hash, 1 to 20
	HashMinimum      int      // 1 to HashLength
	AlwaysRewrite    bool

	UnprivilegedUser string // empty: stay who we are
	ChrootDir        string // empty: none
	PIDFile          string // empty: none
	Daemonize        bool
	Syslog           bool
	Debug            bool
	Seccomp          bool

	// Warnings are what a postmaster should know although PostSRSd accepts
	// it; each begins with its place.
	Warnings []string

	given     map[string]place // the options that are not at their default
	socketmap string           // as written, until it is checked; so the next two
	milter    string
	database  string
	local     []entry // domains, then those of domains-file
}

// Where PostSRSd 2.4 looks for its files if it is built for the prefix /usr,
// and who it then is. The secret is postsrsd.secret beside the configuration.
const (
	DefaultConf = "/etc/postsrsd.conf"

	defaultSocketmap = "unix:/var/spool/postfix/srs"
	defaultUser      = "nobody"
	defaultChroot    = "/var/lib/postsrsd"
)

func newConf(path string) *Conf {
	return &Conf{
		Path:                 path,
		KeepAlive:            30 * time.Second,
		ConnectionLimit:      200,
		MilterRecipientLimit: 1000,
		SecretsFile:          filepath.Join(filepath.Dir(path), "postsrsd.secret"),
		OriginalEnvelope:     "embedded",
		Separator:            '=',
		HashLength:           4,
		HashMinimum:          4,
		UnprivilegedUser:     defaultUser,
		ChrootDir:            defaultChroot,
		Seccomp:              true,
		given:                make(map[string]place),
		socketmap:            defaultSocketmap,
	}
}

// maxConf and maxDomainsFile bound what is read, in bytes. A domains-file of
// that size has some 800,000 names.
const (
	maxConf        = 4 << 20
	maxDomainsFile = 16 << 20
)

// ReadConf reads a postsrsd.conf and its domains-file; ${NAME} in a value is
// taken from the environment. It reads no secrets. Errors are of type *Error.
func ReadConf(path string) (*Conf, error) {
	text, err := readFile(path, maxConf)
	if err != nil {
		return nil, &Error{File: path, Err: err}
	}
	c, err := parseConf(path, text, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	if err := c.readDomainsFile(); err != nil {
		return nil, err
	}
	if err := c.settleDomains(); err != nil {
		return nil, err
	}
	return c, nil
}

// ParseConf reads the text of a postsrsd.conf and opens no file: names of a
// domains-file are not in Local, and if no other domain is named, SRSDomain is
// empty. name is the path that errors give, getenv answers ${NAME}.
func ParseConf(name string, text []byte, getenv func(string) (string, bool)) (*Conf, error) {
	c, err := parseConf(name, text, getenv)
	if err != nil {
		return nil, err
	}
	if err := c.settleDomains(); err != nil && c.DomainsFile == "" {
		return nil, err // else that file may have one
	}
	return c, nil
}

// Given reports whether the file or the command line has the option, by its
// name in postsrsd.conf; if not, its value is the default.
func (c *Conf) Given(option string) bool {
	_, ok := c.given[option]
	return ok
}

// Where is what messages about an option should begin with: FILE:LINE, or the
// file if the option is not there.
func (c *Conf) Where(option string) string { return c.at(option).String() }

func (c *Conf) at(option string) place {
	if at, ok := c.given[option]; ok {
		return at
	}
	return place{file: c.Path}
}

func (c *Conf) warn(at place, format string, args ...any) {
	(*warnings)(&c.Warnings).add(at, format, args...)
}
