package postsrsd

import (
	"os/user"
	"strings"
	"time"
)

// Defaults is the configuration of PostSRSd 1.x: /etc/default/postsrsd as the
// launcher of the Debian package reads it, or the environment.
type Defaults struct {
	Path string // of the file; empty: the environment alone

	Domain         string   // SRS_DOMAIN, or the answer of mydomain
	SecretFile     string   // SRS_SECRET
	Separator      byte     // SRS_SEPARATOR
	HashLength     int      // SRS_HASHLENGTH; any number, as 1.10 takes it; never 0
	HashMinimum    int      // SRS_HASHMIN; the same
	ExcludeDomains []string // SRS_EXCLUDE_DOMAINS and -X, in that order
	Exclude        *Domains // the same as a set: ask ContainsAddress

	ListenAddr  string        // SRS_LISTEN_ADDR; empty or *: loopback
	Network     string        // tcp; tcp4 with -4; tcp6 with -6
	ForwardPort string        // SRS_FORWARD_PORT: a number, or a name of services(5)
	ReversePort string        // SRS_REVERSE_PORT
	Timeout     time.Duration // SRS_TIMEOUT or -t: silence before a connection is closed; negative: never

	PIDFile       string // SRS_PID_FILE or -p; empty: none
	AlwaysRewrite bool   // -A
	Daemonize     bool   // -D
	RunAs         string // RUN_AS; empty: stay who we are
	Chroot        string // CHROOT; empty: none

	// Warnings are what a postmaster should know and PostSRSd accepts; each
	// begins with its place.
	Warnings []string

	vars map[string]variable
}

// variable is a value and where it was set.
type variable struct {
	text string
	place
}

// maxDefaults bounds what is read, in bytes.
const maxDefaults = 1 << 20

// ReadDefaults reads a file of shell variables, /etc/default/postsrsd, over
// the environment (NAME=VALUE, as os.Environ has it). An empty path takes the
// environment alone. mydomain is asked if SRS_DOMAIN is empty: it is what
// `postconf -h mydomain` prints. The first error found is an *Error.
func ReadDefaults(path string, environ []string, mydomain func() (string, error)) (*Defaults, error) {
	var text []byte
	if path != "" {
		var err error
		if text, err = readFile(path, maxDefaults); err != nil {
			return nil, &Error{File: path, Err: err}
		}
	}
	d, err := ParseDefaults(path, text, environ, mydomain)
	if err != nil {
		return nil, err
	}
	if d.RunAs != "" {
		if _, err := user.Lookup(d.RunAs); err != nil {
			return nil, d.at("RUN_AS").errorf("RUN_AS: there is no user %s: %w", shown(d.RunAs), err)
		}
	}
	return d, nil
}

// Forward is where the forward table listens. One of several sockets may fail
// as long as another works.
func (d *Defaults) Forward() []Endpoint { return d.listeners(d.ForwardPort) }

// Reverse is where the reverse table listens.
func (d *Defaults) Reverse() []Endpoint { return d.listeners(d.ReversePort) }

func (d *Defaults) listeners(port string) []Endpoint {
	host := d.ListenAddr
	if host == "" || host == "*" {
		host = "localhost" // getaddrinfo(3) without AI_PASSIVE
	}
	return Endpoint{d.Network, joinHostPort(host, port)}.Listeners()
}

// Where is the place that messages about a variable should begin with.
func (d *Defaults) Where(variable string) string { return d.at(variable).String() }

func (d *Defaults) at(name string) place {
	if v, ok := d.vars[name]; ok {
		return v.place
	}
	if d.Path == "" {
		return place{file: "environment"}
	}
	return place{file: d.Path}
}

// environment makes variables of NAME=VALUE; of two the last counts.
func environment(environ []string) map[string]variable {
	vars := make(map[string]variable)
	for _, entry := range environ {
		if name, text, ok := strings.Cut(entry, "="); ok {
			vars[name] = variable{text, place{file: "environment"}}
		}
	}
	return vars
}
