package main

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"strings"

	"postern/internal/scratch"
)

// wiring is one way to look up the four tables of a forwarding host. The rest
// of the configuration is the same for all.
type wiring struct {
	name string
	// table is the type and name of each of virtual-domains, virtual-aliases,
	// virtual-handles, block-local-senders, banned-domains; $cf is the
	// configuration directory.
	table func(name string) string
	files map[string]string
	index bool // files are for postmap(1)
}

// mailDomains and mailUsers are the hosted domains and the recipients in each.
// smtp-source(1) counts recipients from 1user@ on.
const (
	mailDomains = 50
	mailUsers   = 400
	mailBans    = 100
)

// fillMailRows writes the rows that all wirings have in common.
func fillMailRows(ctx context.Context, db *database) error {
	return db.Exec(ctx, fmt.Sprintf(`
		INSERT INTO domain (name) SELECT CONCAT('fwd', LPAD(seq, 2, '0'), '.test') FROM seq_0_to_%d;
		INSERT INTO alias (address, goto) SELECT CONCAT(u.seq, 'user@fwd', LPAD(d.seq, 2, '0'), '.test'),
			CONCAT(u.seq, 'dest@outside', d.seq, '.example') FROM seq_1_to_%d u, seq_0_to_%[1]d d;
		INSERT INTO alias_handle (handle, address) VALUES ('team', 'team@outside.example');
		INSERT INTO api_bans (ban_type, ban_value, reason)
			SELECT 'domain', CONCAT('banned', seq, '.example'), 'spam' FROM seq_1_to_%d`,
		mailDomains-1, mailUsers, mailBans))
}

// sqlQueries are the stock queries of the reference system.
var sqlQueries = map[string]string{
	"virtual-domains":     "SELECT 1 FROM domain WHERE name = '%s' AND active = 1",
	"virtual-aliases":     aliasQuery,
	"virtual-handles":     "SELECT address FROM alias_handle WHERE handle = '%u' AND active = 1",
	"block-local-senders": "SELECT 'REJECT forged local sender' FROM domain WHERE name = '%d' AND active = 1",
	"banned-domains": "SELECT CONCAT('error:5.7.1 Domain banned. ', reason) FROM api_bans WHERE ban_type = 'domain'" +
		" AND (ban_value = '%s' OR '%s' LIKE ban_pattern) AND revoked_at IS NULL" +
		" AND (expires_at IS NULL OR expires_at > UTC_TIMESTAMP(6)) ORDER BY LENGTH(ban_value) DESC LIMIT 1",
}

func wirings(db *database, d *daemon) []wiring {
	cf := map[string]string{}
	for name, query := range sqlQueries {
		cf[name] = db.cfText(query)
	}
	file := func(kind string) func(string) string {
		return func(name string) string { return kind + ":$config_directory/" + name }
	}
	return []wiring{
		{name: "postern", table: func(name string) string { return "socketmap:unix:" + d.unix + ":" + name }},
		{name: "mysql:", table: file("mysql"), files: cf},
		{name: "proxy:mysql:", table: file("proxy:mysql"), files: cf},
		{name: "btree:", table: file("btree"), files: plainTables(), index: true},
		{name: "regexp:", table: file("regexp"), files: regexpTables()},
	}
}

// plainTables are the rows in postmap(1) source format.
func plainTables() map[string]string {
	var domains, aliases, handles, senders, bans strings.Builder
	for d := range mailDomains {
		fmt.Fprintf(&domains, "fwd%02d.test 1\n", d)
		fmt.Fprintf(&senders, "fwd%02d.test REJECT forged local sender\n", d)
		fmt.Fprintf(&handles, "team@fwd%02d.test team@outside.example\n", d)
		for u := 1; u <= mailUsers; u++ {
			fmt.Fprintf(&aliases, "%duser@fwd%02d.test %[1]ddest@outside%[2]d.example\n", u, d)
		}
	}
	for b := 1; b <= mailBans; b++ {
		fmt.Fprintf(&bans, "banned%d.example error:5.7.1 Domain banned. spam\n.banned%[1]d.example error:5.7.1 Domain banned. spam\n", b)
	}
	return map[string]string{
		"virtual-domains": domains.String(), "virtual-aliases": aliases.String(), "virtual-handles": handles.String(),
		"block-local-senders": senders.String(), "banned-domains": bans.String(),
	}
}

// regexpTables answer the same by one pattern each: the least that a lookup
// can cost, in the process that asks.
func regexpTables() map[string]string {
	return map[string]string{
		"virtual-domains":     "/^fwd[0-9][0-9]\\.test$/ 1\n",
		"virtual-aliases":     "/^([0-9]+)user@fwd([0-9][0-9])\\.test$/ ${1}dest@outside${2}.example\n",
		"virtual-handles":     "/^team@fwd[0-9][0-9]\\.test$/ team@outside.example\n",
		"block-local-senders": "/@fwd[0-9][0-9]\\.test$/ REJECT forged local sender\n",
		"banned-domains":      "/[@.]banned[0-9]+\\.example$/ error:5.7.1 Domain banned. spam\n",
	}
}

// main are the parameters of a wiring.
func (w wiring) main(sink *scratch.Sink) map[string]string {
	main := map[string]string{
		"relayhost":                             sink.Nexthop(),
		"recipient_delimiter":                   "+",
		"virtual_alias_domains":                 w.table("virtual-domains"),
		"virtual_alias_maps":                    w.table("virtual-handles") + ", " + w.table("virtual-aliases"),
		"smtpd_sender_restrictions":             "check_sender_access " + w.table("block-local-senders"),
		"smtpd_recipient_restrictions":          "reject_unauth_destination",
		"smtpd_relay_restrictions":              "reject_unauth_destination",
		"transport_maps":                        w.table("banned-domains"),
		"in_flow_delay":                         "0",
		"initial_destination_concurrency":       "20",
		"default_destination_concurrency_limit": "50",
		"smtpd_client_connection_count_limit":   "0",
		"smtpd_client_connection_rate_limit":    "0",
	}
	if w.name == "postern" { // a list of socketmaps is one map there
		main["virtual_alias_maps"] = w.table("virtual")
	}
	return main
}

// start starts a Postfix of this wiring. Processes that were there before the
// indexed files are replaced.
func (w wiring) start(ctx context.Context, sink *scratch.Sink) (*scratch.Postfix, error) {
	p, err := scratch.StartPostfix(ctx, scratch.PostfixOptions{Main: w.main(sink), Files: maps.Clone(w.files)})
	if err != nil || !w.index {
		return p, err
	}
	for name := range w.files {
		if out, err := p.Run(ctx, "postmap", "btree:"+filepath.Join(p.ConfigDir(), name)); err != nil {
			p.Stop()
			return nil, fmt.Errorf("postmap: %w: %s", err, out)
		}
	}
	return p, p.Reload(ctx)
}
