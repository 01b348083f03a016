package redisserver

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Location says where a Redis server, or several that are one, can be reached.
// [Parse] makes it.
type Location struct {
	kind     kind
	network  string   // tcp or unix
	servers  []string // the server; the Sentinels; nodes of the Cluster
	master   string   // name that the Sentinels know the servers by
	user     string
	password string
	database int
}

// kind is what follows from a scheme.
type kind struct {
	scheme  string
	port    string // unless one is given
	several bool   // hosts may be named
	master  bool   // is named after the hosts
	tls     bool
	cluster bool
}

func kinds() []kind {
	return []kind{
		{scheme: "redis", port: "6379"},
		{scheme: "rediss", port: "6379", tls: true},
		{scheme: "redis+sentinel", port: "26379", several: true, master: true},
		{scheme: "redis+cluster", port: "6379", several: true, cluster: true},
	}
}

// Grammar tells the forms of a location.
const Grammar = "redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], the same with rediss:// for TLS, " +
	"redis+sentinel://[USER:PASSWORD@]HOST[:PORT][,HOST…]/MASTER[/DATABASE], " +
	"redis+cluster://[USER:PASSWORD@]HOST[:PORT][,HOST…], redis:HOST:PORT or redis:/PATH/TO/SOCKET"

// FormError is a location that is not well formed. Neither its text nor Fact
// repeats the location, which may hold a password.
type FormError struct {
	Fact    string // what is wrong
	Grammar bool   // [Grammar] says what would be right; else Fact does
}

// Error is the fact and what would be right.
func (e *FormError) Error() string {
	if e.Grammar {
		return e.Fact + ": write " + Grammar
	}
	return e.Fact
}

func malformed(fact string) error { return &FormError{Fact: fact, Grammar: true} }

// Is reports whether at is meant to be a location of this package: it has one
// of the schemes. [Parse] says whether it is well formed.
func Is(at string) bool {
	scheme, rest, _ := strings.Cut(at, ":")
	return scheme == "redis" || strings.HasPrefix(rest, "//") && slices.ContainsFunc(kinds(), func(k kind) bool { return k.scheme == scheme })
}

// Parse reads a location. It connects nothing. The error is a [*FormError].
func Parse(at string) (Location, error) {
	scheme, rest, _ := strings.Cut(at, ":")
	authority, isURL := strings.CutPrefix(rest, "//")
	if !isURL && scheme == "redis" {
		return parseEndpoint(rest)
	}
	for _, k := range kinds() {
		if isURL && k.scheme == scheme {
			return parseURL(k, authority)
		}
	}
	return Location{}, malformed("no location of a Redis server")
}

// String is the location without user and password.
func (l Location) String() string {
	servers := strings.Join(l.servers, ",")
	switch {
	case l.network == "unix":
		return "redis:" + servers
	case l.kind.cluster:
		return l.kind.scheme + "://" + servers
	case l.kind.master:
		return fmt.Sprintf("%s://%s/%s/%d", l.kind.scheme, servers, l.master, l.database)
	}
	return fmt.Sprintf("%s://%s/%d", l.kind.scheme, servers, l.database)
}

// WithPassword is the location with a password that was kept elsewhere, in a
// file for instance. It replaces the one of the URL.
func (l Location) WithPassword(password string) Location {
	l.password = password
	return l
}

// parseEndpoint reads PostSRSd's form (envelope-database, postsrsd.conf): a
// socket's path if there is a slash or no colon, else HOST:PORT.
func parseEndpoint(s string) (Location, error) {
	l := Location{kind: kinds()[0], network: "unix", servers: []string{s}}
	if s != "" && (strings.Contains(s, "/") || !strings.Contains(s, ":")) {
		return l, nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil || !isHost(host) || !isPort(port) {
		return Location{}, malformed("no Redis server is named")
	}
	l.network = "tcp"
	return l, nil
}

// parseURL reads what follows scheme://. It is done by hand because net/url
// knows no list of hosts, and quotes a password in its errors.
func parseURL(k kind, rest string) (Location, error) {
	l := Location{kind: k, network: "tcp"}
	if strings.ContainsAny(rest, "?#") {
		return l, malformed("takes no ? and no # (in a password write %3F and %23)")
	}
	authority, path, _ := strings.Cut(rest, "/")
	hosts := authority
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		hosts = authority[at+1:]
		if err := l.login(authority[:at]); err != nil {
			return l, err
		}
	}
	if k.master {
		l.master, path, _ = strings.Cut(path, "/")
		if l.master == "" {
			return l, malformed("the Sentinels' name for the master is missing")
		}
	}
	if err := l.hosts(hosts); err != nil {
		return l, err
	}
	return l, l.number(path)
}

// login reads USER:PASSWORD, USER or :PASSWORD, percent-encoded.
func (l *Location) login(s string) (err error) {
	user, password, _ := strings.Cut(s, ":")
	if l.user, err = url.PathUnescape(user); err == nil {
		l.password, err = url.PathUnescape(password)
	}
	if err != nil {
		return &FormError{Fact: "user or password holds a % that is no %XX: write %25 for a percent sign"}
	}
	return nil
}

func (l *Location) hosts(list string) error {
	for one := range strings.SplitSeq(list, ",") {
		server, err := withPort(one, l.kind.port)
		if err != nil {
			return err
		}
		l.servers = append(l.servers, server)
	}
	if !l.kind.several && len(l.servers) > 1 {
		return malformed("one Redis server only; several are Sentinels or a Cluster")
	}
	return nil
}

// withPort is HOST:PORT of s; an IPv6 address stands in brackets.
func withPort(s, port string) (string, error) {
	host, given, err := net.SplitHostPort(s)
	if err != nil {
		host, given, err = net.SplitHostPort(s + ":" + port)
	}
	if err != nil {
		return "", malformed("HOST:PORT is not well formed (IPv6 addresses stand in brackets)")
	}
	if !isHost(host) || !isPort(given) {
		return "", malformed("HOST or PORT is missing or no number")
	}
	return net.JoinHostPort(host, given), nil
}

func (l *Location) number(s string) error {
	if s == "" {
		return nil
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return malformed("DATABASE is no number")
	}
	if l.kind.cluster && n != 0 {
		return malformed("a Cluster has no DATABASE but 0")
	}
	l.database = int(n)
	return nil
}

// isHost reports what may be a name or an address: nothing with a character that
// ends a host in a URL, or that no host has.
func isHost(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return c <= ' ' || c == 0x7f || strings.ContainsRune("?#@,/", c)
	})
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}
