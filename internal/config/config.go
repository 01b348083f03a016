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
// # Secrets
//
// A password or a secret may be named as credential:NAME. It is the one that
// systemd passes to the unit (LoadCredential=NAME:FILE), and where systemd passes
// none, as to a command, the file NAME beside the configuration.
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
//
// The comments of its fields, and of the fields of its blocks, are what
// postern.yaml(5) and the commented example say, so they are written for the
// postmaster. A last line "Default: VALUE" names a default that is not among
// Defaults, "Example: VALUE" a value for what has none, both as YAML; lists of blocks and
// blocks by name have a line for each entry. What must be given begins with "Required.".
type Config struct {
	// Where the tables of the built-in maps are. Without this block the
	// built-in maps answer with a temporary error.
	Database Database `yaml:"database"`

	// The answers of cf: maps that are kept. The built-in maps are held in
	// memory whole and do not use it.
	Cache Cache `yaml:"cache"`

	// How the tables of the built-in maps are held in memory, with a copy in
	// state_dir.
	Tables Tables `yaml:"tables"`

	// The characters that separate a name from its extension, as Postfix's
	// recipient_delimiter; empty: there are no extensions.
	RecipientDelimiter string `yaml:"recipient_delimiter"`

	// Maps of your own besides the built-in ones, by name. Each has exactly one
	// of cf, file and of. A name holds neither colon nor blank.
	// Example: legacy: {cf: /etc/postfix/mysql-virtual-aliases.cf, search: virtual}
	// Example: office: {file: /etc/postern/office, search: virtual}
	// Example: everyone: {of: [virtual-handles, virtual-aliases], search: virtual}
	Maps map[string]Map `yaml:"maps"`

	// The daemon that answers Postfix's socketmap: tables.
	Socketmap Socketmap `yaml:"socketmap"`

	// Listeners for Postfix's tcp: tables, each with the one map that it
	// answers from.
	// Example: {listen: inet:127.0.0.1:10011, map: virtual-aliases}
	TCPTable []TCPTable `yaml:"tcptable"`

	// The SRS daemon: senders that are rewritten on the way out, bounces that
	// come back for them. Without this block there is none.
	SRSD *SRSD `yaml:"srsd"`

	// The policy daemon, for Postfix's check_policy_service, and the From
	// guard. Without this block there is none.
	Policyd *Policyd `yaml:"policyd"`

	// Asks a share of the live questions a second time along the old path, the
	// mysql: tables that postern took the place of, and reports where the
	// answers differ (postern twin). Without this block none is asked again.
	Twin *Twin `yaml:"twin"`

	// The folder for copies of the tables, counters, the greylist and reports
	// of incidents. The daemons must be able to write there.
	StateDir string `yaml:"state_dir"`

	// The folder of the control sockets, one of mode 0600 for each daemon. The
	// commands of postern ask running daemons by them.
	Control string `yaml:"control"`

	// The address that postmaster and abuse of hosted domains lead to where no
	// alias says otherwise. Take one outside this host.
	// Example: postmaster@example.net
	Operator string `yaml:"operator"`

	// Names that no handle may have: they lead where an alias of the whole
	// address says, postmaster and abuse else to operator.
	ReservedHandles []string `yaml:"reserved_handles"`

	// Reserved names whose existing handle keeps working.
	HandlesAllowed []string `yaml:"reserved_handles_allow"`

	// What postern must know of main.cf, to ask the keys that Postfix would ask
	// a mysql: table.
	Postfix Postfix `yaml:"postfix"`

	// The HTTP listener of /metrics, /healthz and /readyz.
	Metrics Metrics `yaml:"metrics"`

	// How to log on standard error.
	Log Log `yaml:"log"`

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
	// mysql, for MariaDB and MySQL, or sqlite.
	Driver string `yaml:"driver"`

	// The servers, HOST:PORT or unix:/PATH, tried in turn. One that is dead is
	// passed over for a while.
	Hosts []string `yaml:"hosts"`

	// The database on the server.
	// Example: maildb
	Name string `yaml:"name"`

	// The user that postern logs in as. Reading is enough for the daemons.
	// Example: mailuser
	User string `yaml:"user"`

	// The password of user, in this file. Give this or password_file; the
	// latter can be read-protected.
	Password Secret `yaml:"password"`

	// The file whose first line is the password of user, or credential:NAME.
	// Example: /etc/postern/database.password
	PasswordFile string `yaml:"password_file"`

	// The most connections that this process has open at once, to all hosts.
	MaxConnections int `yaml:"max_connections"`

	// The file of the database, for driver sqlite.
	// Example: /var/lib/postern/postern.db
	Path string `yaml:"path"`

	// Encryption of the connection. Without this block there is none.
	TLS TLS `yaml:"tls"`

	// The longest wait for a connection.
	ConnectTimeout Duration `yaml:"connect_timeout"`

	// The longest wait for an answer; the server is told, too. Postfix waits
	// 100s for postern, so a few seconds are right.
	StatementTimeout Duration `yaml:"statement_timeout"`
}

// TLS is the encryption of the database connection.
type TLS struct {
	// The file with the certificates of the authorities that may have signed
	// the server's.
	// Example: ca.pem
	CA string `yaml:"ca"`

	// The file with postern's own certificate, where the server asks for one.
	// Example: client.pem
	Cert string `yaml:"cert"`

	// The file with the private key of cert.
	// Example: client.key
	Key string `yaml:"key"`

	// Whether the server's certificate is verified, its name included. Unless
	// it is said here, it is verified if ca is given.
	// Example: true
	Verify *bool `yaml:"verify"`
}

// Cache holds answers of .cf maps.
type Cache struct {
	// How many answers are kept; a quarter of them may be "not found".
	Entries int `yaml:"entries"`

	// How long a found answer is served without asking again.
	TTL Duration `yaml:"ttl"`

	// How long "not found" is. Keep it short: an alias that was just made must
	// be known at once.
	NegativeTTL Duration `yaml:"negative_ttl"`

	// How long past its life an answer may be served while the database is
	// away.
	Stale Duration `yaml:"stale"`
}

// Tables says how the built-in maps' tables are held in memory.
type Tables struct {
	// The time between full reloads where the database has no change feed. With
	// one, changes are read every second.
	Refresh Duration `yaml:"refresh"`

	// The most memory that the tables take. Past it a table is asked per key.
	MaxMemory Size `yaml:"max_memory"`

	// A reload that loses a larger share of a table's rows is held back, until
	// postern accept-snapshot lets it pass.
	ShrinkGuard Percent `yaml:"shrink_guard"`
}

// Map is a map of the user's own: exactly one of CF, File and Of.
type Map struct {
	// A mysql_table(5) file, served to the letter.
	// Example: /etc/postfix/mysql-virtual-aliases.cf
	CF string `yaml:"cf"`

	// A source file as postmap(1) takes it, read again when it changes.
	// Example: /etc/postern/office
	File string `yaml:"file"`

	// Maps that are asked as one Postfix list of tables: the whole address in
	// every one, then the address without its extension, then @domain.
	// Example: [virtual, office]
	Of []string `yaml:"of"`

	// Which keys Postfix would ask a mysql: table for, since it sends a
	// socketmap: table the whole key only: exact, virtual, canonical,
	// access-address, access-domain, transport, sender-login, address or domain.
	// Default: exact
	Search string `yaml:"search"`
}

// Socketmap is the socketmap_table(5) daemon.
type Socketmap struct {
	// Where Postfix asks: inet:HOST:PORT, unix:/PATH or fd:NAME (a socket of a
	// systemd unit), or {at: unix:/PATH, owner: postfix, group: postfix, mode: 0660}.
	Listen []Listener `yaml:"listen"`
}

// TCPTable is one tcp_table(5) listener.
type TCPTable struct {
	// Required. Where Postfix asks, spelled as in socketmap.listen.
	// Example: inet:127.0.0.1:10011
	Listen Listener `yaml:"listen"`

	// Required. The map that answers.
	// Example: virtual-aliases
	Map string `yaml:"map"`
}

// Postfix is what the key search must know of main.cf: either its directory,
// from which postconf(1) reads the values, or the values.
type Postfix struct {
	// The folder of main.cf. If it is given, postconf(1) is asked for the other
	// settings of this block that are not.
	// Example: /etc/postfix
	ConfigDirectory string `yaml:"config_directory"`

	// As in main.cf. Senders at this name are local to SRS, and it stands in
	// Received-SPF.
	MyHostname string `yaml:"myhostname"`

	// As in main.cf: what Postfix appends to addresses without a domain.
	MyOrigin string `yaml:"myorigin"`

	// As in main.cf. At these domains and at myorigin the local part alone is
	// asked for as well.
	MyDestination []string `yaml:"mydestination"`

	// As in main.cf: the classes of tables in which an extension of the address
	// is passed on to what it leads to.
	Propagate []string `yaml:"propagate_unmatched_extensions"`
}

// Metrics is the HTTP listener of /metrics, /healthz and /readyz.
type Metrics struct {
	// Where it listens, or "off". A daemon that runs alone listens on a port
	// behind: socketmap 1, tcptable 2, policyd 3, srsd 4.
	// Default: inet:127.0.0.1:9725
	Listen Listener `yaml:"listen"`

	// A web configuration file of Prometheus's exporter-toolkit: TLS and
	// passwords.
	// Example: web.yml
	WebConfig string `yaml:"web_config"`

	// Whether the status page answers questions as postern query --explain and
	// postern policy --explain do, to everybody who can open it.
	Ask bool `yaml:"ask"`
}

// Log says how to log on stderr.
type Log struct {
	// text or json.
	Format string `yaml:"format"`

	// The least that is logged: debug, info, warn or error.
	Level string `yaml:"level"`

	// How mail addresses are written: plain, masked (j***@example.org) or
	// hashed (the same word for the same address).
	Addresses string `yaml:"addresses"`

	// The file whose first line is the secret of hashed addresses, or
	// credential:NAME. With the same secret all hosts write the same words;
	// without one the words change at each start.
	// Example: log.key
	KeyFile string `yaml:"key_file"`
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
