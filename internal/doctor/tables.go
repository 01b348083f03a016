package doctor

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"postern/internal/keysearch"
	"postern/internal/postconf"
)

// tableKinds are the findings of checkTables.
func tableKinds() []Kind {
	return []Kind{
		{"mysql-left", Warning, "a table is asked of the database by Postfix itself: a connection per process, and deferred mail while the database is away"},
		{"mysql-localhost", Error, "hosts = localhost is a unix socket, which a chrooted service cannot see: every lookup fails and mail is deferred"},
		{"table-type-missing", Error, "Postfix has no dictionary for a type of table, whose package is not installed: every lookup fails and mail is deferred"},
		{"mysql-unread", Note, "a .cf file could not be read and was not looked at"},
		{"mysql-ban-pattern", Error, "a .cf query selects ban_pattern, which api_bans does not have: all mail that asks it is deferred"},
		{"tcp-table", Warning, "a tcp: table that is away costs nine seconds for each lookup"},
		{"map-unknown", Error, "postern has no map of that name: lookups fail and mail is deferred"},
		{"map-parameter", Error, "a built-in map stands in a parameter that it is not made for"},
		{"map-search", Error, "the search: of a map does not fit the parameter: partial keys are not found, or others are"},
		{"sender-index", Note, "a .cf query for senders reads the whole table smtp_sender_acl each time"},
		{"map-list", Note, "two socketmaps stand in one list: each is searched to its end, and an alias user+tag@ can lose to user@"},
		{"table-refused", Error, "the daemon refuses tables that another process answers: its lookups fail and mail is deferred"},
		{"table-missing-file", Error, "the file of a table does not exist: the daemon that opens it answers 451 or does not run"},
	}
}

// checkTables looks at every table that a service opens.
func checkTables(ctx context.Context, h *Host, f *findings) {
	if h.Postfix == nil {
		return
	}
	for _, l := range h.Postfix.Lookups() {
		if l.Restriction == "" && h.Postfix.View(l.Service).Get(l.Parameter).Default {
			continue // it has the tables of another parameter
		}
		t := &tableCheck{host: h, lookup: l, findings: f, at: h.placeOf(l)}
		t.dictionary()
		switch {
		case l.Refused && (l.Table.Is("socketmap", "tcp") || l.Table.Proxy):
			f.add("table-refused", t.at, "keep a mysql: or a file table here", "%s: %s refuses %s: its lookups fail", l.Parameter, l.Service.Daemon(), l.Table.Text)
		case l.Table.Is("mysql"):
			t.mysql(ctx)
		case l.Table.Is("tcp"):
			f.add("tcp-table", t.at, "write socketmap:unix:postern/socketmap:MAP", "%s: %s costs nine seconds for each lookup while it is away, and a second after each restart", t.use(), l.Table.Text)
		case l.Table.Is("socketmap"):
			t.socketmap()
		case l.Table.Is("hash", "btree", "lmdb", "cdb", "dbm", "texthash", "regexp", "pcre", "cidr"):
			t.file()
		}
	}
	checkLists(h, f)
}

// tableCheck is one use of a table.
type tableCheck struct {
	host   *Host
	lookup postconf.Lookup
	at     string
	*findings
}

// placeOf is where a table is named. Where $postern or another name stands for
// its first part, that is not where the name was given its value.
func (h *Host) placeOf(l postconf.Lookup) string {
	for _, e := range h.Postfix.Main {
		if e.Place == l.Table.Place && e.Name != l.Parameter {
			return orFile(h.Postfix.View(l.Service).Get(l.Parameter).Place, l.Service.Place)
		}
	}
	return orFile(l.Table.Place, l.Service.Place)
}

// use names the parameter, and the restriction in it.
func (t *tableCheck) use() string {
	return strings.TrimSpace(t.lookup.Parameter + " " + t.lookup.Restriction)
}

// dictionary wants the type of the table among those of postconf -m. Debian has
// packages for some.
func (t *tableCheck) dictionary() {
	kind := t.lookup.Table.Type
	packages := []string{"mysql", "pgsql", "ldap", "sqlite", "pcre", "lmdb", "cdb", "mongodb"}
	if len(t.host.TableTypes) == 0 || slices.Contains(t.host.TableTypes, kind) || !slices.Contains(packages, kind) {
		return
	}
	t.add("table-type-missing", t.at, "apt install postfix-"+kind, "%s: postconf -m has no %s: %s fails and its mail is deferred", t.use(), kind, t.lookup.Table.Text)
}

// mysql looks at a mysql_table(5) file.
func (t *tableCheck) mysql(ctx context.Context) {
	name := t.lookup.Table.Name
	if !t.lookup.Refused && !slices.Contains(t.trusted(), t.lookup.Parameter) {
		t.add("mysql-left", t.at, "serve it: maps: {NAME: {cf: "+name+", search: "+string(t.lookup.Search)+"}}, and write socketmap:unix:postern/socketmap:NAME", "%s: %s is asked of the database by Postfix itself, one connection for each process", t.use(), t.lookup.Table.Text)
	}
	text, err := t.host.Files.Read(name)
	if err != nil {
		t.add("mysql-unread", t.at, "run postern check as root, or correct the name", "%s: %s was not looked at: %v", t.use(), name, reason(err))
		return
	}
	cf := settings(string(text))
	if t.lookup.Chrooted() && usesSocket(cf["hosts"]) {
		t.add("mysql-localhost", name, "hosts = 127.0.0.1, or proxy:"+t.lookup.Table.Text+" in "+t.lookup.Parameter, "hosts = %.60s is a unix socket, which %s in its chroot cannot see: %s fails and mail is deferred", cf["hosts"], t.lookup.Service.Name, t.use())
	}
	if t.host.Database != nil {
		t.query(ctx, cf["query"])
	}
}

// query looks for what the schema makes of a query.
func (t *tableCheck) query(ctx context.Context, query string) {
	name := t.lookup.Table.Name
	if strings.Contains(query, "smtp_sender_acl") && t.host.Config != nil && t.host.Config.Database.Driver != "sqlite" {
		rows, err := t.host.Database.Select(ctx, "SELECT 1 FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'smtp_sender_acl' AND COLUMN_NAME = 'sender' AND SEQ_IN_INDEX = 1")
		if err == nil && len(rows) == 0 {
			t.add("sender-index", name, "CREATE INDEX idx_sender ON smtp_sender_acl (sender)", "smtp_sender_acl has no index that begins with sender: %s reads the whole table for each question", t.use())
		}
	}
	if !strings.Contains(query, "ban_pattern") {
		return
	}
	if _, err := t.host.Database.Select(ctx, "SELECT ban_pattern FROM api_bans LIMIT 1"); err != nil {
		t.add("mysql-ban-pattern", name, "postern schema | mariadb (it adds the column)", "the query selects ban_pattern, and api_bans has no such column: %s fails and mail is deferred", t.use())
	}
}

// trusted are the parameters that socketmap cannot serve.
func (t *tableCheck) trusted() []string {
	return []string{"virtual_uid_maps", "virtual_gid_maps", "alias_maps", "mailbox_command_maps"}
}

// usesSocket reports hosts of a .cf file that are reached by a unix socket; so
// is localhost, which the client library takes for its default one.
func usesSocket(hosts string) bool {
	list := postconf.SplitList(hosts)
	return slices.ContainsFunc(list, func(h string) bool {
		return strings.EqualFold(h, "localhost") || strings.HasPrefix(h, "unix:") || strings.HasPrefix(strings.ToLower(h), "localhost:")
	})
}

// settings reads "name = value" lines with continuations.
func settings(text string) map[string]string {
	values, last := map[string]string{}, ""
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || trimmed[0] == '#':
		case line[0] == ' ' || line[0] == '\t':
			values[last] += " " + trimmed
		default:
			name, value, _ := strings.Cut(trimmed, "=")
			last = strings.TrimSpace(name)
			values[last] = strings.TrimSpace(value)
		}
	}
	return values
}

// reason is an error without the path that stands beside it.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// socketmap looks at a map of postern.
func (t *tableCheck) socketmap() {
	endpoint, name := t.lookup.Table.Socketmap()
	s := seat{service: t.lookup.Service, view: t.host.Postfix.View(t.lookup.Service)}
	e := postconf.ParseEndpoint(endpoint)
	if t.host.isSRSD(s, e) {
		name = "srs-" + name
	} else if !t.host.isSocketmap(s, e) {
		return // of another daemon
	}
	class, known := t.host.classOf(name)
	switch {
	case !known:
		t.add("map-unknown", t.at, "correct the name, or add it to maps: of postern.yaml", "%s: postern has no map %q, and answers PERM: mail is deferred", t.use(), name)
	case builtinUses(name) != nil:
		if uses := builtinUses(name); !slices.Contains(uses, t.place()) {
			t.add("map-parameter", t.at, "use it in "+strings.Join(uses, " or "), "%s: the map %s is made for %s: its answers mean something else here", t.use(), name, strings.Join(uses, ", "))
		}
	case t.lookup.Search != postconf.SearchNone && class != string(t.lookup.Search):
		t.add("map-search", t.host.setting("maps."+name), "search: "+string(t.lookup.Search), "the map %s is searched as %s, and %s asks for %s: addresses are not found, or the wrong ones are", name, class, t.use(), t.lookup.Search)
	}
}

// place is the restriction, or the parameter where there is none.
func (t *tableCheck) place() string {
	if t.lookup.Restriction != "" {
		return t.lookup.Restriction
	}
	return t.lookup.Parameter
}

// classOf is how a map is searched.
func (h *Host) classOf(name string) (class string, known bool) {
	if builtinUses(name) != nil {
		return "", true
	}
	m, own := h.Config.Maps[name]
	if own && m.Search == "" {
		return string(keysearch.Exact), true
	}
	return m.Search, own
}

// builtinUses are the parameters that a built-in map is made for; nil for a
// name that is not built in.
func builtinUses(name string) []string {
	switch name {
	case "virtual", "virtual-handles", "virtual-aliases":
		return []string{"virtual_alias_maps"}
	case "allowlist", "allowlist-handles", "allowlist-aliases", "srs-recipients":
		return []string{"check_recipient_access"}
	case "block-local-senders", "allowed-senders":
		return []string{"check_sender_access"}
	case "virtual-domains":
		return []string{"virtual_alias_domains", "virtual_mailbox_domains"}
	case "sender-login-maps":
		return []string{"smtpd_sender_login_maps"}
	case "banned-domains":
		return []string{"transport_maps"}
	case "srs-forward":
		return []string{"sender_canonical_maps"}
	case "srs-reverse":
		return []string{"recipient_canonical_maps"}
	}
	return nil
}

// file looks whether the file of a table is there.
func (t *tableCheck) file() {
	name := t.lookup.Table.Name
	if strings.HasPrefix(name, "{") || !strings.HasPrefix(name, "/") {
		return
	}
	switch t.lookup.Table.Type {
	case "hash", "btree":
		name += ".db"
	case "lmdb":
		name += ".lmdb"
	case "cdb":
		name += ".cdb"
	}
	if _, err := t.host.Files.Stat(name); errors.Is(err, fs.ErrNotExist) {
		t.add("table-missing-file", t.at, "install "+t.lookup.Table.Name+", and run postmap on it where its type needs that", "%s: %s does not exist: %s fails and its mail is deferred", t.use(), name, t.lookup.Service.Name)
	}
}

// checkLists looks for lists that should be one map with of:.
func checkLists(h *Host, f *findings) {
	for _, s := range h.seats() {
		if s.role != inMain {
			continue
		}
		for _, parameter := range []string{"virtual_alias_maps", "sender_canonical_maps", "recipient_canonical_maps", "canonical_maps", "transport_maps", "smtpd_sender_login_maps"} {
			tables := slices.DeleteFunc(s.view.Get(parameter).Tables(), func(t postconf.Table) bool { return !t.Is("socketmap") })
			if len(tables) > 1 {
				f.add("map-list", orFile(tables[1].Place, s.view.Get(parameter).Place), "make one map of them with of: [...] in postern.yaml", "%s: %d socketmaps are searched one after the other: a row user+tag@ of the second loses to user@ of the first", parameter, len(tables))
			}
		}
	}
}
