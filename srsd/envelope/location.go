package envelope

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// location says where a store is. Either path is set, or servers.
type location struct {
	path string // of an SQLite file

	network  string   // of the Redis servers: tcp or unix
	servers  []string // the Redis server, or the Sentinels if master is set
	master   string   // name that the Sentinels know the servers by
	user     string
	password string
	database int
	tls      *tls.Config
}

const grammar = "write sqlite:PATH, redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], the same with rediss:// for TLS, " +
	"redis+sentinel://[USER:PASSWORD@]HOST[:PORT][,HOST…]/MASTER[/DATABASE], redis:HOST:PORT or redis:/PATH/TO/SOCKET"

// Validate reports what is wrong with the form of at, as [Open] would, without
// opening anything. The error does not repeat at, which may hold a password.
func Validate(at string) error {
	_, err := parse(at)
	return err
}

// String is the location without the password.
func (l location) String() string {
	switch {
	case l.path != "":
		return "sqlite:" + l.path
	case l.network == "unix":
		return "redis:" + l.servers[0]
	case l.master != "":
		return fmt.Sprintf("redis+sentinel://%s/%s/%d", strings.Join(l.servers, ","), l.master, l.database)
	case l.tls != nil:
		return fmt.Sprintf("rediss://%s/%d", l.servers[0], l.database)
	}
	return fmt.Sprintf("redis://%s/%d", l.servers[0], l.database)
}

func parse(at string) (location, error) {
	l, err := parseForm(at)
	if err != nil {
		return location{}, fmt.Errorf("envelope store: location: %w", err)
	}
	return l, nil
}

func parseForm(at string) (location, error) {
	scheme, rest, _ := strings.Cut(at, ":")
	authority, isURL := strings.CutPrefix(rest, "//")
	switch {
	case scheme == "sqlite":
		return parseFile(rest)
	case scheme == "redis" && !isURL:
		return parseEndpoint(rest)
	case scheme == "redis" && isURL, scheme == "rediss" && isURL, scheme == "redis+sentinel" && isURL:
		return parseURL(scheme, authority)
	}
	return location{}, errors.New("no known kind of store: " + grammar)
}

// parseFile refuses what SQLite takes for something else than a file.
func parseFile(path string) (location, error) {
	switch {
	case path == "":
		return location{}, errors.New("no file is named: " + grammar)
	case strings.HasPrefix(path, ":"), strings.HasPrefix(path, "file:"):
		return location{}, errors.New("must be a plain path of a file on disk: senders have to outlive the process")
	case strings.ContainsRune(path, 0):
		return location{}, errors.New("a path holds no NUL")
	}
	return location{path: path}, nil
}

// parseEndpoint reads PostSRSd's form (envelope-database, postsrsd.conf): a
// socket's path if there is a slash or no colon, else HOST:PORT.
func parseEndpoint(s string) (location, error) {
	if s != "" && (strings.Contains(s, "/") || !strings.Contains(s, ":")) {
		return location{network: "unix", servers: []string{s}}, nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil || !isHost(host) || !isPort(port) {
		return location{}, errors.New("no Redis server is named: " + grammar)
	}
	return location{network: "tcp", servers: []string{s}}, nil
}

// parseURL reads what follows scheme://. It is done by hand because net/url
// knows no list of hosts, and quotes a password in its errors.
func parseURL(scheme, rest string) (location, error) {
	l := location{network: "tcp"}
	if strings.ContainsAny(rest, "?#") {
		return l, errors.New("takes no ? and no # (in a password write %3F and %23): " + grammar)
	}
	authority, path, _ := strings.Cut(rest, "/")
	hosts := authority
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		hosts = authority[at+1:]
		if err := l.login(authority[:at]); err != nil {
			return l, err
		}
	}
	port := "6379"
	if scheme == "redis+sentinel" {
		port = "26379"
		l.master, path, _ = strings.Cut(path, "/")
		if l.master == "" {
			return l, errors.New("the Sentinels' name for the master is missing: " + grammar)
		}
	}
	if err := l.hosts(hosts, port); err != nil {
		return l, err
	}
	if scheme == "rediss" {
		host, _, _ := net.SplitHostPort(l.servers[0])
		l.tls = &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	}
	return l, l.number(path)
}

// login reads USER:PASSWORD, USER or :PASSWORD, percent-encoded.
func (l *location) login(s string) (err error) {
	user, password, _ := strings.Cut(s, ":")
	if l.user, err = url.PathUnescape(user); err == nil {
		l.password, err = url.PathUnescape(password)
	}
	if err != nil {
		return errors.New("user or password holds a % that is no %XX: write %25 for a percent sign")
	}
	return nil
}

func (l *location) hosts(list, port string) error {
	for one := range strings.SplitSeq(list, ",") {
		server, err := withPort(one, port)
		if err != nil {
			return err
		}
		l.servers = append(l.servers, server)
	}
	if l.master == "" && len(l.servers) > 1 {
		return errors.New("one Redis server only; several are Sentinels: " + grammar)
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
		return "", errors.New("HOST:PORT is not well formed (IPv6 addresses stand in brackets): " + grammar)
	}
	if !isHost(host) || !isPort(given) {
		return "", errors.New("HOST or PORT is missing or no number: " + grammar)
	}
	return net.JoinHostPort(host, given), nil
}

func (l *location) number(s string) error {
	if s == "" {
		return nil
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return errors.New("DATABASE is no number: " + grammar)
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
