package store

import (
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Options says how to reach one database. It prints without the password.
type Options struct {
	Driver         string   // "mysql" (MariaDB, MySQL) or "sqlite"
	Hosts          []string // mysql: "host", "host:port", "[::1]:3306" or "unix:/path", tried in turn
	Name           string   // database name
	User           string
	Password       string
	Path           string // sqlite: the file
	Charset        string // mysql: SET NAMES; empty means utf8mb4
	MaxConnections int    // never more than this many connections at once; 0 means 16
	TLS            TLS

	ConnectTimeout   time.Duration // one host, connect and greeting; 0 means 2 s
	StatementTimeout time.Duration // one statement, enforced by the server too; 0 means 3 s
	LoadTimeout      time.Duration // one table read whole; 0 means 10 min
	RetryInterval    time.Duration // pause for a host that failed; 0 means 2 s
}

// TLS is the encryption of a database connection. The zero value means none.
// It is not used on unix sockets.
type TLS struct {
	Enabled bool
	CAFile  string
	CADir   string
	Cert    string
	Key     string
	Ciphers []string // OpenSSL names, TLS 1.2 and below
	Verify  *bool    // check certificate and host name; nil: yes if a CA is given
}

// identity says which database this is, without secrets.
func (o Options) identity() string {
	if o.Driver == "sqlite" {
		return "sqlite:" + o.Path
	}
	return fmt.Sprintf("%s:%s@%s/%s", o.Driver, o.User, strings.Join(o.Hosts, ","), o.Name)
}

// place says where the database is, as an operator names it.
func (o Options) place() string {
	if o.Driver == "sqlite" {
		return o.Path
	}
	return strings.Join(o.Hosts, ", ") + "/" + o.Name
}

// String implements fmt.Stringer without the password.
func (o Options) String() string { return o.identity() }

// GoString implements fmt.GoStringer without the password.
func (o Options) GoString() string { return fmt.Sprintf("store.Options(%q)", o.identity()) }

// LogValue implements slog.LogValuer without the password.
func (o Options) LogValue() slog.Value { return slog.StringValue(o.identity()) }

// withDefaults fills what was left open.
func (o Options) withDefaults() Options {
	setDefault(&o.Charset, "utf8mb4")
	setDefault(&o.MaxConnections, 16)
	setDefault(&o.ConnectTimeout, 2*time.Second)
	setDefault(&o.StatementTimeout, 3*time.Second)
	setDefault(&o.LoadTimeout, 10*time.Minute)
	setDefault(&o.RetryInterval, 2*time.Second)
	return o
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// validate says what no database could be reached with.
func (o Options) validate() error {
	switch {
	case o.MaxConnections < 1:
		return fmt.Errorf("database: max_connections is %d: at least 1", o.MaxConnections)
	case min(o.ConnectTimeout, o.StatementTimeout, o.LoadTimeout, o.RetryInterval) < 0:
		return fmt.Errorf("database: a timeout is negative")
	case o.Driver == "sqlite" && o.Path == "":
		return fmt.Errorf("database: driver sqlite needs path")
	case o.Driver == "sqlite":
		return nil
	case o.Driver != "mysql":
		return fmt.Errorf("database: no driver %q: mysql or sqlite", o.Driver)
	case len(o.Hosts) == 0:
		return fmt.Errorf("database: driver mysql needs hosts, as 127.0.0.1:3306 or unix:/run/mysqld/mysqld.sock")
	case o.Name == "":
		return fmt.Errorf("database: driver mysql needs name")
	case strings.Trim(o.Charset, "abcdefghijklmnopqrstuvwxyz0123456789") != "":
		return fmt.Errorf("database: %q is no character set: utf8mb4, latin1, …", o.Charset)
	}
	return nil
}
