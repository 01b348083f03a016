package postsrsd

import "time"

// Defaults is the configuration of PostSRSd 1.x: /etc/default/postsrsd as the
// launcher of the Debian package reads it, or the environment.
type Defaults struct {
	Path string // of the file; empty: the environment alone

	Domain         string   // SRS_DOMAIN, or the answer of mydomain
	SecretFile     string   // SRS_SECRET
	Separator      byte     // SRS_SEPARATOR: one of = + -
	HashLength     int      // SRS_HASHLENGTH: any number but 0, as 1.10 takes it
	HashMinimum    int      // SRS_HASHMIN: the same
	ExcludeDomains []string // of SRS_EXCLUDE_DOMAINS and of -X
	Exclude        *Domains // the same as a set, to be asked with ContainsAddress

	ListenAddr  string        // SRS_LISTEN_ADDR; empty or *: loopback
	Network     string        // tcp; tcp4 with -4, tcp6 with -6
	ForwardPort int           // SRS_FORWARD_PORT
	ReversePort int           // SRS_REVERSE_PORT
	Timeout     time.Duration // -t or SRS_TIMEOUT: silence that ends a connection; negative: none does

	AlwaysRewrite bool   // -A
	Daemonize     bool   // -D
	PIDFile       string // -p or SRS_PID_FILE; empty: none
	RunAs         string // RUN_AS; empty: stay who we are
	Chroot        string // CHROOT; empty: none

	// Warnings are what a postmaster should know although PostSRSd accepts
	// it; each begins with its place.
	Warnings []string

	vars map[string]value
}

// maxDefaults bounds what is read, in bytes.
const maxDefaults = 1 << 20

// ReadDefaults reads a file of shell variables, such as /etc/default/postsrsd,
// over an environment (NAME=VALUE, as os.Environ has it). With an empty path
// the environment stands alone. mydomain is asked if SRS_DOMAIN is empty; its
// answer should be that of `postconf -h mydomain`. Errors are of type *Error.
func ReadDefaults(path string, environ []string, mydomain func() (string, error)) (*Defaults, error) {
	if path == "" {
		return ParseDefaults("", nil, environ, mydomain)
	}
	text, err := readFile(path, maxDefaults)
	if err != nil {
		return nil, &Error{File: path, Err: err}
	}
	return ParseDefaults(path, text, environ, mydomain)
}

// ParseDefaults is [ReadDefaults] for the text of a file; name is the path
// that errors give.
func ParseDefaults(name string, text []byte, environ []string, mydomain func() (string, error)) (*Defaults, error) {
	if len(text) > maxDefaults {
		return nil, &Error{File: name, Err: errTooLarge(maxDefaults)}
	}
	d := &Defaults{Path: name, Network: "tcp", vars: environment(environ)}
	s := newShell(name, string(text), d.vars)
	err := s.run()
	d.Warnings = s.warnings
	if err != nil {
		return nil, err
	}
	d.noticeUnknown()
	if err := d.settle(); err != nil {
		return nil, err
	}
	if err := d.settleDomain(mydomain); err != nil {
		return nil, err
	}
	return d, nil
}

// Forward is where the forward table listens; Reverse is where the other one
// does. One of several sockets may fail as long as another works.
func (d *Defaults) Forward() []Endpoint { return d.listeners(d.ForwardPort) }

// Reverse is where the reverse table listens.
func (d *Defaults) Reverse() []Endpoint { return d.listeners(d.ReversePort) }

// listeners takes no address for loopback, as getaddrinfo(3) does for a socket
// that is not passive, and * likewise.
func (d *Defaults) listeners(port int) []Endpoint {
	host := d.ListenAddr
	if host == "" || host == "*" {
		host = "localhost"
	}
	return tcpEndpoint(d.Network, host, port).Listeners()
}

// Where is what messages about a variable should begin with: FILE:LINE, or the
// file if the variable is not there.
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

// CheckUser reports a RUN_AS that this machine does not know.
func (d *Defaults) CheckUser() error {
	return checkUser(d.at("RUN_AS"), "RUN_AS", d.RunAs)
}

func (d *Defaults) warn(name, format string, args ...any) {
	(*warnings)(&d.Warnings).add(d.at(name), format, args...)
}
