// Package config reads postern.yaml.
//
// # The file
//
// One YAML file configures every daemon. It is strict: an unknown key is an
// error that names the line and the nearest known spelling. Values are read
// in this order: defaults, file, validation. Every complaint reads
// "FILE:LINE: fact: what would be right".
//
// # Units
//
// A duration is a number with a unit (ms, s, m, h, d, w), several may follow
// one another: 1h30m. A size is a number with B, KiB, MiB or GiB. A share is a
// percentage. A rate is N/DURATION.
//
// # Who reads what
//
// Every block is parsed and validated whichever daemon runs, so that one
// mistake is found everywhere at once. Files that a block names (passwords,
// secrets, tables) are opened only by the daemon that the block belongs to.
package config

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// Config is a whole postern.yaml.
type Config struct {
	Database           Database       `yaml:"database"`
	Cache              Cache          `yaml:"cache"`
	Tables             Tables         `yaml:"tables"`
	RecipientDelimiter string         `yaml:"recipient_delimiter"` // Postfix recipient_delimiter: a set of characters
	Maps               map[string]Map `yaml:"maps"`                // besides the built-in ones
	Socketmap          Socketmap      `yaml:"socketmap"`
	TCPTable           []TCPTable     `yaml:"tcptable"`
	SRSD               *SRSD          `yaml:"srsd"`
	Policyd            *Policyd       `yaml:"policyd"`
	Twin               *Twin          `yaml:"twin"`
	StateDir           string         `yaml:"state_dir"`
	Control            string         `yaml:"control"`  // directory of the control sockets
	Operator           string         `yaml:"operator"` // where postmaster and abuse of hosted domains lead without a row
	ReservedHandles    []string       `yaml:"reserved_handles"`
	HandlesAllowed     []string       `yaml:"reserved_handles_allow"` // reserved names whose existing handle keeps working
	Postfix            Postfix        `yaml:"postfix"`
	Metrics            Metrics        `yaml:"metrics"`
	Log                Log            `yaml:"log"`

	source *document // nil: no file
}

// At is an error about the setting at a path such as policyd.rate_limits[0],
// with the file and line where that stands, unless err has them already.
func (c *Config) At(path string, err error) error {
	var located *Error
	if c.source == nil || err == nil || errors.As(err, &located) {
		return err
	}
	return &Error{c.source.name, c.source.line("$." + path), err}
}

// Database is where the built-in maps' tables live.
type Database struct {
	Driver           string   `yaml:"driver"` // mysql (MariaDB, MySQL) or sqlite
	Hosts            []string `yaml:"hosts"`  // HOST:PORT or unix:PATH, tried in turn
	Name             string   `yaml:"name"`
	User             string   `yaml:"user"`
	Password         Secret   `yaml:"password"`
	PasswordFile     string   `yaml:"password_file"` // or credential:NAME of systemd's LoadCredential
	MaxConnections   int      `yaml:"max_connections"`
	Path             string   `yaml:"path"` // sqlite: the file
	TLS              TLS      `yaml:"tls"`
	ConnectTimeout   Duration `yaml:"connect_timeout"`
	StatementTimeout Duration `yaml:"statement_timeout"`
}

// TLS is the encryption of the database connection.
type TLS struct {
	CA     string `yaml:"ca"`
	Cert   string `yaml:"cert"`
	Key    string `yaml:"key"`
	Verify *bool  `yaml:"verify"` // default: yes when ca is given
}

// Cache holds answers of .cf maps.
type Cache struct {
	Entries     int      `yaml:"entries"`
	TTL         Duration `yaml:"ttl"`
	NegativeTTL Duration `yaml:"negative_ttl"`
	Stale       Duration `yaml:"stale"`
}

// Tables says how the built-in maps' tables are held in memory.
type Tables struct {
	Refresh     Duration `yaml:"refresh"`
	MaxMemory   Size     `yaml:"max_memory"`
	ShrinkGuard Percent  `yaml:"shrink_guard"`
}

// Map is a map of the user's own: exactly one of CF, File and Of.
type Map struct {
	CF     string   `yaml:"cf"`   // mysql_table(5) file
	File   string   `yaml:"file"` // postmap(1) source file
	Of     []string `yaml:"of"`   // asked as one Postfix table list
	Search string   `yaml:"search"`
}

// Socketmap is the socketmap_table(5) daemon.
type Socketmap struct {
	Listen []Listener `yaml:"listen"`
}

// TCPTable is one tcp_table(5) listener.
type TCPTable struct {
	Listen Listener `yaml:"listen"`
	Map    string   `yaml:"map"`
}

// Postfix is what the key search must know of main.cf: either its directory,
// from which postconf(1) reads the values, or the values.
type Postfix struct {
	ConfigDirectory string   `yaml:"config_directory"`
	MyHostname      string   `yaml:"myhostname"` // local to SRS
	MyOrigin        string   `yaml:"myorigin"`
	MyDestination   []string `yaml:"mydestination"`
	Propagate       []string `yaml:"propagate_unmatched_extensions"`
}

// Metrics is the HTTP listener of /metrics, /healthz and /readyz.
type Metrics struct {
	Listen    Listener `yaml:"listen"`
	WebConfig string   `yaml:"web_config"` // exporter-toolkit file: TLS and passwords
	Ask       bool     `yaml:"ask"`
}

// Log says how to log on stderr.
type Log struct {
	Format    string `yaml:"format"`    // text, json
	Level     string `yaml:"level"`     // debug, info, warn, error
	Addresses string `yaml:"addresses"` // plain, masked, hashed
	KeyFile   string `yaml:"key_file"`  // what hashes depend on: its first line; or credential:NAME
}

// DefaultFile is read where no --config is given.
const DefaultFile = "/etc/postern/postern.yaml"

// Defaults is the configuration of an empty file.
func Defaults() *Config {
	return &Config{
		Database: Database{
			Driver:           "mysql",
			Hosts:            []string{"127.0.0.1:3306"},
			MaxConnections:   16,
			ConnectTimeout:   Duration(2 * time.Second),
			StatementTimeout: Duration(3 * time.Second),
		},
		Cache: Cache{
			Entries:     200000,
			TTL:         Duration(time.Minute),
			NegativeTTL: Duration(time.Second),
			Stale:       Duration(time.Hour),
		},
		Tables: Tables{
			Refresh:     Duration(time.Minute),
			MaxMemory:   512 << 20,
			ShrinkGuard: 20,
		},
		RecipientDelimiter: "+",
		StateDir:           "/var/lib/postern",
		Control:            "/run/postern",
		ReservedHandles: []string{
			"postmaster", "hostmaster", "webmaster", "admin",
			"administrator", "abuse", "mailer-daemon", "root",
		},
		Postfix: Postfix{Propagate: []string{"canonical", "virtual"}},
		Log:     Log{Format: "text", Level: "info", Addresses: "plain"},
	}
}

// Local tells which folded domains are $myorigin or in $mydestination, for
// which Postfix asks for the local part alone, too. Nil: none is.
func (p *Postfix) Local() func(domain string) bool {
	if p.MyOrigin == "" && len(p.MyDestination) == 0 {
		return nil
	}
	return func(domain string) bool {
		return strings.EqualFold(domain, p.MyOrigin) ||
			slices.ContainsFunc(p.MyDestination, func(d string) bool { return strings.EqualFold(d, domain) })
	}
}
