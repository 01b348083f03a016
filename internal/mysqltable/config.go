package mysqltable

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/user"
	"regexp"
	"slices"
	"strings"
	"time"

	"postern/internal/store"
)

// Config is one .cf file, read and found good.
type Config struct {
	path  string
	hosts []host

	user, password, dbname, charset string

	retryInterval time.Duration // 0: not set
	tls           store.TLS
	options       clientOptions

	query            *query
	format           template
	needs            needs
	domains          domainList
	filtered         bool // there is a domain list, if only an empty one
	expansionLimit   int
	requireResultSet bool
}

// Parse reads a mysql_table(5) file. It needs no database. The error holds
// one line `file:line: fact: what would be right` for each thing that Postfix
// would refuse too, or that cannot be honoured.
func Parse(path string) (*Config, []Warning, error) {
	return parseWith(path, []string{"/etc/my.cnf", "/etc/mysql/my.cnf"})
}

// parseWith is Parse with the option files that are read by default.
func parseWith(path string, optionFiles []string) (*Config, []Warning, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("mysql table: %w", err)
	}
	params, warnings, err := readParameters(path, data)
	if err != nil {
		return nil, warnings, err
	}
	v := newValues(path, params)
	c := &Config{path: path}
	c.readConnection(v)
	c.readOptionFiles(v, optionFiles)
	c.readQuery(v)
	c.readResult(v)
	warnings = append(warnings, v.warnings...)
	if err := v.err(); err != nil {
		return nil, warnings, err
	}
	return c, warnings, nil
}

// Path returns the name of the file.
func (c *Config) Path() string { return c.path }

// readConnection takes what says where the database is.
func (c *Config) readConnection(v *values) {
	var err error
	if c.hosts, err = parseHosts(v.text("hosts", "")); err != nil {
		v.refuse("hosts", "%w", err)
	}
	c.user = v.text("user", "")
	c.password = v.text("password", "")
	c.dbname = v.needed("dbname", "")
	c.charset = strings.ToLower(v.needed("charset", "utf8mb4"))
	if c.charset != "" && !regexp.MustCompile(`^[a-z0-9]+$`).MatchString(c.charset) {
		v.refuse("charset", "charset = %q is no name of a character set: write utf8mb4", bounded(v.text("charset", "")))
	}
	retry := v.integer("retry_interval", 60, 1)
	if v.has("retry_interval") {
		c.retryInterval = time.Duration(retry) * time.Second
	}
	v.integer("idle_interval", 60, 1)
	c.tls = store.TLS{
		CAFile:  v.text("tls_CAfile", ""),
		CADir:   v.text("tls_CApath", ""),
		Cert:    v.text("tls_cert_file", ""),
		Key:     v.text("tls_key_file", ""),
		Ciphers: splitCiphers(v.text("tls_ciphers", "")),
		Verify:  v.boolean("tls_verify_cert"),
	}
}

// readOptionFiles reads my.cnf files as the client library of Postfix would.
// The group's empty name ends it, unless a file is named.
func (c *Config) readOptionFiles(v *values, files []string) {
	group := v.text("option_group", "client")
	named := v.text("option_file", "")
	if named != "" {
		files = []string{named}
		if _, err := os.Stat(named); err != nil {
			v.warn(v.line("option_file"), fmt.Sprintf("option_file: %v: Postfix goes on without it, and so do we", err))
		}
	} else if group == "" {
		files = nil
	}
	r := newOptionReader(group)
	for _, f := range files {
		r.read(f, 0)
	}
	c.options = r.options
	c.mergeTLS()
	v.warnings = append(v.warnings, r.warnings...)
	v.problems = append(v.problems, r.problems...)
	if named == "" {
		return
	}
	if r.options.password {
		v.warn(v.line("option_file"), "option_file: Postfix never uses its password: the password parameter of this file counts, empty if it is missing")
	}
	if r.options.charset {
		v.warn(v.line("option_file"), "option_file: default-character-set has no effect since Postfix 3.9: write charset = … in this file")
	}
}

// mergeTLS lets the option file win: the library reads it last.
func (c *Config) mergeTLS() {
	o, t := c.options, &c.tls
	for _, s := range []struct {
		from string
		to   *string
	}{{o.tlsKey, &t.Key}, {o.tlsCert, &t.Cert}, {o.tlsCA, &t.CAFile}, {o.tlsCAPath, &t.CADir}} {
		if s.from != "" {
			*s.to = s.from
		}
	}
	if o.tlsCipher != "" {
		t.Ciphers = splitCiphers(o.tlsCipher)
	}
	if o.tlsVerify != nil {
		t.Verify = o.tlsVerify
	}
	t.Enabled = t.Key != "" || t.Cert != "" || t.CAFile != "" || t.CADir != "" || len(t.Ciphers) > 0 ||
		t.Verify != nil && *t.Verify || o.tlsEnforce != nil && *o.tlsEnforce
}

func splitCiphers(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ':' || isListSeparator(r) })
}

// readQuery takes query, or builds it from the legacy parameters.
func (c *Config) readQuery(v *values) {
	name, text := "query", v.text("query", "")
	if text == "" {
		if text = legacyQuery(v); text == "" {
			return
		}
		name = "table"
	}
	t, err := parseTemplate(text, true, &c.needs)
	if err == nil {
		c.query, err = newQuery(t, c.charset)
	}
	if err != nil {
		v.refuse(name, "query: %w", err)
	}
}

// legacyQuery builds the query as Postfix before 2.2 had it (mysql_table(5),
// "obsolete query interface").
func legacyQuery(v *values) string {
	if !v.has("table") && !v.has("select_field") && !v.has("where_field") {
		v.refuse("query", "query is missing: add a line `query = SELECT … WHERE … = '%%s'`")
		return ""
	}
	table, field, where := v.needed("table", ""), v.needed("select_field", ""), v.needed("where_field", "")
	if table == "" || field == "" || where == "" {
		return ""
	}
	return "SELECT " + field + " FROM " + table + " WHERE " + where + "='%s' " + v.text("additional_conditions", "")
}

// readResult takes what says which keys are asked and how rows become a value.
func (c *Config) readResult(v *values) {
	var err error
	if format := v.needed("result_format", "%s"); format != "" {
		if c.format, err = parseTemplate(format, false, &c.needs); err != nil {
			v.refuse("result_format", "result_format: %w", err)
		}
	}
	if list := v.text("domain", ""); list != "" {
		c.filtered = true
		if c.domains, err = parseDomainList(list); err != nil {
			v.refuse("domain", "%w", err)
		}
	}
	c.expansionLimit = v.integer("expansion_limit", 0, 0)
	require := v.boolean("require_result_set")
	c.requireResultSet = require == nil || *require
}

// StoreOptions returns how to reach the database of the file. What the file
// cannot say, such as the limits of the pool, comes from defaults.
func (c *Config) StoreOptions(defaults store.Options) store.Options {
	o := defaults
	o.Driver = "mysql"
	o.Path = ""
	o.Hosts = addresses(c.hosts, c.options)
	o.Name = c.dbname
	o.User = c.login()
	o.Password = c.password
	o.Charset = c.charset
	o.TLS = c.tls
	if c.retryInterval > 0 {
		o.RetryInterval = c.retryInterval
	}
	return o
}

// login is the user of the file, of the option file, or of the process.
func (c *Config) login() string {
	if c.user != "" {
		return c.user
	}
	if c.options.user != "" {
		return c.options.user
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// Identity is a digest of all that the answers depend on. It holds no secret:
// a new password is no new table.
func (c *Config) Identity() string {
	h := sha256.New()
	put := func(s string) { fmt.Fprintf(h, "%d:%s,", len(s), s) }
	for _, s := range slices.Concat(addresses(c.hosts, c.options),
		[]string{"", c.login(), c.dbname, c.charset, c.query.text, c.format.text()}) {
		put(s)
	}
	for _, p := range c.domains {
		put(fmt.Sprint(p.match, p.name))
	}
	put(fmt.Sprint(c.filtered, c.expansionLimit, c.requireResultSet))
	return hex.EncodeToString(h.Sum(nil)[:16])
}
