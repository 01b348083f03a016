package store

import "time"

// Options says how to reach one database.
type Options struct {
	Driver         string   // "mysql" (MariaDB, MySQL) or "sqlite"
	Hosts          []string // mysql: "host", "host:port", "[::1]:3306" or "unix:/path", tried in turn
	Name           string   // database name
	User           string
	Password       string
	Path           string // sqlite: the file
	Charset        string // mysql: SET NAMES; empty means utf8mb4
	MaxConnections int    // never more than this many connections at once
	TLS            TLS

	ConnectTimeout   time.Duration // one host, connect and greeting
	StatementTimeout time.Duration // one statement, enforced by the server too
	RetryInterval    time.Duration // pause for a host that failed
}

// TLS is the encryption of a database connection. The zero value means none.
type TLS struct {
	Enabled bool
	CAFile  string
	CADir   string
	Cert    string
	Key     string
	Ciphers []string // OpenSSL names, TLS 1.2 and below
	Verify  *bool    // check certificate and host name; nil: yes if a CA is given
}
