package config

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sort"
	"strconv"
	"strings"

	"postern/internal/keysearch"
	"postern/internal/maps"
	"postern/internal/nearest"
	"postern/srsd"
)

// mostComplaints fit on a screen or two; a file with more has one cause.
const mostComplaints = 40

// validator collects every complaint about one file.
type validator struct {
	*document
	problems []*Error
	taken    map[string]string // listener → where it was named first
}

// fail adds a complaint about the node at path.
func (v *validator) fail(path, format string, args ...any) {
	v.problems = append(v.problems, &Error{v.name, v.line(path), fmt.Errorf(format, args...)})
}

// complaints are those about the first lines, one below the other.
func (v *validator) complaints() error {
	slices.SortStableFunc(v.problems, func(a, b *Error) int { return a.Line - b.Line })
	var errs []error
	for _, p := range v.problems[:min(len(v.problems), mostComplaints)] {
		errs = append(errs, p)
	}
	if more := len(v.problems) - len(errs); more > 0 {
		errs = append(errs, fmt.Errorf("%s: and %d more like these", v.name, more))
	}
	return errors.Join(errs...)
}

// word demands one of the known words, or nothing.
func (v *validator) word(path, what, got string, known []string) {
	if got == "" || slices.Contains(known, got) {
		return
	}
	if near := nearest.Word(got, known); near != "" {
		v.fail(path, "%s %q is not known: did you mean %q?", what, got, near)
		return
	}
	v.fail(path, "%s %q is not known: write one of %s", what, got, strings.Join(known, ", "))
}

// hasAny reports whether the file itself gives one of the fields of a block.
func (v *validator) hasAny(block string, fields ...string) bool {
	return !v.empty() && slices.ContainsFunc(fields, func(field string) bool { return v.node(block+"."+field) != nil })
}

func (v *validator) config(c *Config) {
	v.taken = map[string]string{}
	v.database(&c.Database)
	v.cache(c)
	v.maps(c)
	v.listeners("$.socketmap.listen", c.Socketmap.Listen)
	for i, t := range c.TCPTable {
		path := fmt.Sprintf("$.tcptable[%d]", i)
		v.listener(path+".listen", t.Listen)
		v.mapName(path+".map", c, t.Map)
	}
	if c.SRSD != nil {
		v.srsd(c.SRSD)
	}
	if c.Policyd != nil {
		v.policyd(c)
	}
	if c.Twin != nil {
		v.twin(c)
	}
	if c.Metrics.Listen.At != "" && c.Metrics.Listen.At != Off {
		v.listener("$.metrics.listen", c.Metrics.Listen)
	}
	if c.Operator != "" && !strings.Contains(strings.Trim(c.Operator, "@"), "@") {
		v.fail("$.operator", "%q is no mail address: write one outside this host, such as postmaster@example.net", c.Operator)
	}
	if strings.ContainsAny(c.RecipientDelimiter, "@ \t") {
		v.fail("$.recipient_delimiter", "%q cannot separate: take the characters of recipient_delimiter in main.cf", c.RecipientDelimiter)
	}
	v.word("$.log.format", "log format", c.Log.Format, []string{"text", "json"})
	v.word("$.log.level", "log level", c.Log.Level, []string{"debug", "info", "warn", "error"})
	v.word("$.log.addresses", "log addresses", c.Log.Addresses, []string{"plain", "masked", "hashed"})
	for i, p := range c.Postfix.Propagate {
		v.word(fmt.Sprintf("$.postfix.propagate_unmatched_extensions[%d]", i), "table class", p,
			[]string{"canonical", "virtual", "alias", "forward", "include", "generic"})
	}
}

// Off switches a listener off that would otherwise have a default.
const Off = "off"

func (v *validator) database(d *Database) {
	v.word("$.database.driver", "database driver", d.Driver, []string{"mysql", "sqlite"})
	if d.MaxConnections < 1 {
		v.fail("$.database.max_connections", "max_connections is %d: at least one connection is needed", d.MaxConnections)
	}
	if d.Password != "" && d.PasswordFile != "" {
		v.fail("$.database.password_file", "password and password_file are both given: keep one")
	}
	if d.ConnectTimeout <= 0 || d.StatementTimeout <= 0 {
		v.fail("$.database", "connect_timeout and statement_timeout must be longer than nothing: Postfix waits 100s, a few seconds are right")
	}
	if d.Driver == "sqlite" {
		if d.Path == "" {
			v.fail("$.database", "driver sqlite needs path: the file of the database")
		}
		return
	}
	if d.Name == "" && v.hasAny("$.database", "driver", "hosts", "user", "password", "password_file", "tls") {
		v.fail("$.database", "the database needs a name: the one that holds the tables")
	}
	if len(d.Hosts) == 0 {
		v.fail("$.database.hosts", "hosts is empty: write HOST:PORT or unix:PATH")
	}
	for i, h := range d.Hosts {
		if err := checkHost(h); err != nil {
			v.fail(fmt.Sprintf("$.database.hosts[%d]", i), "%v", err)
		}
	}
}

// checkHost accepts unix:/PATH, HOST and HOST:PORT.
func checkHost(h string) error {
	if path, ok := strings.CutPrefix(h, "unix:"); ok {
		if !strings.HasPrefix(path, "/") {
			return fmt.Errorf("database host %q: a socket needs its whole path, as in unix:/run/mysqld/mysqld.sock", h)
		}
		return nil
	}
	host, port, err := net.SplitHostPort(h)
	if err != nil {
		host, port = strings.Trim(h, "[]"), "3306"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || host == "" || strings.ContainsAny(host, " /") {
		return fmt.Errorf("database host %q: write HOST:PORT, as in 127.0.0.1:3306, or unix:/PATH", h)
	}
	return nil
}

func (v *validator) cache(c *Config) {
	if c.Cache.Entries < 1 {
		v.fail("$.cache.entries", "entries is %d: the cache needs room for at least one answer", c.Cache.Entries)
	}
	if c.Cache.TTL <= 0 {
		v.fail("$.cache.ttl", "ttl must be longer than nothing: 60s is the default")
	}
	if c.Tables.Refresh <= 0 {
		v.fail("$.tables.refresh", "refresh must be longer than nothing: 60s is the default")
	}
}

func (v *validator) maps(c *Config) {
	names := make([]string, 0, len(c.Maps))
	for name := range c.Maps {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		v.oneMap(c, name, c.Maps[name])
	}
}

func (v *validator) oneMap(c *Config, name string, m Map) {
	path := "$.maps." + name
	if strings.ContainsAny(name, ": \t") || name == "" {
		v.fail(path, "map name %q: Postfix cannot ask for a name with a colon or a blank in it", name)
	}
	if isBuiltIn(name) {
		v.fail(path, "%q is a built-in map: choose another name", name)
	}
	given := 0
	for _, is := range []bool{m.CF != "", m.File != "", len(m.Of) > 0} {
		if is {
			given++
		}
	}
	if given != 1 {
		v.fail(path, "map %q needs exactly one of cf (a mysql_table(5) file), file (postmap source) and of (a list of maps)", name)
	}
	if m.Search != "" {
		if _, err := keysearch.ParseClass(m.Search); err != nil {
			v.fail(path+".search", "%v", err)
		}
	}
	for i, member := range m.Of {
		v.member(c, name, fmt.Sprintf("%s.of[%d]", path, i), member)
	}
}

// member checks one name of an `of:` list.
func (v *validator) member(c *Config, list, path, member string) {
	v.mapName(path, c, member)
	if reaches(c, member, list, len(c.Maps)) {
		v.fail(path, "map %q holds itself by way of %q: a list cannot be its own member", list, member)
	}
}

// reaches reports whether the map from names the map to, directly or not.
func reaches(c *Config, from, to string, depth int) bool {
	if from == to {
		return true
	}
	if depth == 0 {
		return false
	}
	return slices.ContainsFunc(c.Maps[from].Of, func(m string) bool { return reaches(c, m, to, depth-1) })
}

// isBuiltIn reports a name that is taken.
func isBuiltIn(name string) bool { return maps.IsBuiltIn(name) || srsd.IsMap(name) }

// mapName demands a map that exists.
func (v *validator) mapName(path string, c *Config, name string) {
	if _, own := c.Maps[name]; own || isBuiltIn(name) {
		return
	}
	known := append(maps.Names(), srsd.MapNames()...)
	for own := range c.Maps {
		known = append(known, own)
	}
	sort.Strings(known)
	if name == "" {
		v.fail(path, "a map is missing here: name one of %s", strings.Join(known, ", "))
		return
	}
	v.word(path, "map", name, known)
}

func (v *validator) listeners(path string, ls []Listener) {
	for i, l := range ls {
		v.listener(fmt.Sprintf("%s[%d]", path, i), l)
	}
}

// listener checks the spelling and that no other block listens there.
func (v *validator) listener(path string, l Listener) {
	if err := l.Spec().Validate(); err != nil {
		v.fail(path, "%v", err)
		return
	}
	if first, twice := v.taken[l.At]; twice {
		v.fail(path, "%s is taken already by %s", l.At, first)
		return
	}
	v.taken[l.At] = strings.TrimPrefix(path, "$.")
}
