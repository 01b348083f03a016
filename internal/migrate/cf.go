package migrate

import (
	"fmt"
	"regexp"
	"strings"

	"postern/internal/maps"
	"postern/internal/mysqltable"
	"postern/internal/postconf"
	"postern/internal/store"
)

// cfFile is one mysql_table(5) file.
type cfFile struct {
	path     string
	parsed   *mysqltable.Config
	options  store.Options // where its database is
	builtin  string        // the built-in map that its query is, or empty
	warnings []string
}

func readCF(path string) (*cfFile, error) {
	entries, err := postconf.ReadParameters(path)
	if err != nil {
		return nil, err
	}
	parsed, warnings, err := mysqltable.Parse(path)
	if err != nil {
		return nil, err
	}
	f := &cfFile{path: path, parsed: parsed, options: parsed.StoreOptions(store.Options{})}
	for _, w := range warnings {
		f.warnings = append(f.warnings, w.String())
	}
	values := map[string]string{}
	for _, entry := range entries {
		values[entry.Name] = entry.Raw
	}
	f.builtin = recognise(values)
	return f, nil
}

// recognise tells which of the nine maps of the reference stack a file is, by
// what it asks for.
func recognise(values map[string]string) string {
	format := values["result_format"]
	if values["domain"] != "" || format != "" && format != "%s" || values["expansion_limit"] != "" && values["expansion_limit"] != "0" {
		return ""
	}
	query := values["query"]
	if query == "" {
		query = fmt.Sprintf("SELECT %s FROM %s WHERE %s='%%s' %s",
			values["select_field"], values["table"], values["where_field"], values["additional_conditions"])
	}
	query = normalise(query)
	for _, known := range knownQueries() {
		if known.pattern.MatchString(query) {
			return known.name
		}
	}
	return ""
}

// normalise brings a query into one spelling: lower case outside of quotes,
// single blanks, none around operators, no table qualifiers, no LIMIT 1 and
// no semicolon at the end.
func normalise(query string) string {
	q := strings.ReplaceAll(strings.Join(strings.Fields(query), " "), "`", "")
	q = strings.ReplaceAll(strings.ToLower(q), `"`, `'`)
	q = strings.TrimSpace(strings.TrimRight(q, "; "))
	q = strings.TrimSpace(strings.TrimSuffix(q, "limit 1"))
	for _, operator := range []string{"=", "(", ")", ","} {
		q = strings.ReplaceAll(strings.ReplaceAll(q, " "+operator, operator), operator+" ", operator)
	}
	q = strings.ReplaceAll(q, ")and", ") and")
	q = strings.ReplaceAll(q, "and(", "and (")
	return strings.ReplaceAll(strings.ReplaceAll(q, "='1'", "=1"), "active=true", "active=1")
}

// knownQuery is the shape of a normalised query.
type knownQuery struct {
	name    string
	pattern *regexp.Regexp
}

func knownQueries() []knownQuery {
	var all []knownQuery
	add := func(name, answer, table, column, key string) {
		where := fmt.Sprintf(`(%s='%s' and active=1|active=1 and %s='%s'|'%s'=%s and active=1)`, column, key, column, key, key, column)
		all = append(all, knownQuery{name, regexp.MustCompile(`^select (distinct )?` + answer + `( as \w+)? from ` + table + ` where ` + where + `$`)})
	}
	add(maps.VirtualHandles, `address`, "alias_handle", "handle", "%u")
	add(maps.VirtualAliases, `goto`, "alias", "address", "%s")
	add(maps.AllowlistHandles, `'ok'`, "alias_handle", "handle", "%u")
	add(maps.AllowlistAliases, `'ok'`, "alias", "address", "%s")
	add(maps.BlockLocalSenders, `'(reject|5\d\d)[^']*'`, "domain", "name", "%d")
	add(maps.VirtualDomains, `('?1'?|name)`, "domain", "name", "%s")
	add(maps.AllowedSenders, `'ok'`, "smtp_sender_acl", "sender", "%s")
	add(maps.SenderLoginMaps, `login`, "smtp_sender_acl", "sender", "%s")
	return append(all, knownQuery{maps.BannedDomains,
		regexp.MustCompile(`^select .*'error:5.*from api_bans where .*ban_type='domain'.*revoked_at is null.*expires_at is null or expires_at ?> ?.*$`)})
}
