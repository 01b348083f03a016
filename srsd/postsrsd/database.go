package postsrsd

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Database is the envelope-database of PostSRSd 2.x.
type Database struct {
	Kind    string // sqlite or redis; empty: none
	Network string // of redis: tcp or unix
	Address string // of sqlite: the file; of redis: host:port or the path of a socket
}

// ParseDatabase reads sqlite:FILE, redis:HOST:PORT or redis:/PATH. PostSRSd
// opens it behind its chroot, so paths are those inside.
func ParseDatabase(s string) (Database, error) {
	kind, rest, _ := strings.Cut(s, ":")
	switch kind {
	case "sqlite":
		if rest == "" {
			return Database{}, errors.New("the database has no file: write sqlite:FILE")
		}
		return Database{Kind: kind, Address: rest}, nil
	case "redis":
		return redisDatabase(rest)
	}
	return Database{}, fmt.Errorf("%s is no database: write sqlite:FILE, redis:HOST:PORT or redis:/PATH", shown(s))
}

// redisDatabase takes whatever has a slash, or no colon, for a socket.
func redisDatabase(s string) (Database, error) {
	host, port, colon := strings.Cut(s, ":")
	switch {
	case strings.HasPrefix(s, "//"):
		return Database{}, errors.New("redis: is not followed by // here: write redis:HOST:PORT or redis:/PATH")
	case s == "":
		return Database{}, errors.New("the database has no server: write redis:HOST:PORT or redis:/PATH")
	case strings.Contains(s, "/") || !colon:
		return Database{"redis", "unix", s}, nil
	case host == "":
		return Database{}, errors.New("the database has no host: write redis:HOST:PORT")
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 1 || n > 65535 {
		return Database{}, fmt.Errorf("%s is no port of a database: write redis:HOST:PORT", shown(port))
	}
	return Database{"redis", "tcp", net.JoinHostPort(host, strconv.Itoa(n))}, nil
}
