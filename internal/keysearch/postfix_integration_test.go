//go:build integration

package keysearch_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"

	"postern/internal/keysearch"
	"postern/internal/lookup"
	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

// tableNames are the tables of the rows, which are also the mysql: tables.
var tableNames = []string{"access", "virtual1", "virtual2", "rcanon", "scanon", "transport", "relay", "relayrcpt",
	"bcc", "login", "client", "helo"}

// served are the maps of the other side: the class and the tables of each.
var served = map[string]struct {
	class  keysearch.Class
	tables []string
}{
	"access":    {keysearch.AccessAddress, []string{"access"}},
	"virtual":   {keysearch.Virtual, []string{"virtual1", "virtual2"}},
	"rcanon":    {keysearch.Canonical, []string{"rcanon"}},
	"scanon":    {keysearch.Canonical, []string{"scanon"}},
	"transport": {keysearch.Transport, []string{"transport"}},
	"relay":     {keysearch.Domain, []string{"relay"}},
	"relayrcpt": {keysearch.Address, []string{"relayrcpt"}},
	"bcc":       {keysearch.Address, []string{"bcc"}},
	"login":     {keysearch.SenderLogin, []string{"login"}},
	"client":    {keysearch.AccessDomain, []string{"client"}},
	"helo":      {keysearch.AccessDomain, []string{"helo"}},
}

const delimiter = "+-"

// setting is what the two Postfixes have in common.
type setting struct {
	name      string
	propagate bool
	swapped   bool // parent domains asked the other way than by default
	every     int  // of the patterns of addresses
	seed      uint64
}

// parents is the style of a class in a setting.
func (s setting) parents(class keysearch.Class) keysearch.ParentStyle {
	switch {
	case !s.swapped:
		return keysearch.ParentsDefault
	case class == keysearch.Transport:
		return keysearch.ParentsPlain
	default:
		return keysearch.ParentsDotted
	}
}

// TestSameMailAsMySQL sends the same mail through two Postfixes, alike but
// for their tables: mysql: in the one, whole keys answered by this package in
// the other. Every reply and every envelope must be the same.
func TestSameMailAsMySQL(t *testing.T) {
	for _, s := range []setting{
		{name: "as by default", propagate: true, every: 1, seed: 1},
		{name: "kept extensions and other parents", swapped: true, every: 4, seed: 2},
	} {
		t.Run(s.name, func(t *testing.T) { sameMail(t, s) })
	}
}

func sameMail(t *testing.T, s setting) {
	b := newBuilder(s.seed)
	b.oddities()
	b.hosts()
	b.addresses(s.every)
	stock := startPostfix(t, s, mysqlTables(t, b.rows))
	ours := startPostfix(t, s, socketmaps(t, b.rows, s))
	want, got := run(t, stock, b.cases), run(t, ours, b.cases)
	differ, matched := 0, 0
	for i, c := range b.cases {
		if strings.Contains(want[i], "via ") || strings.Contains(want[i], "t.test") {
			matched++
		}
		if want[i] != got[i] {
			if differ++; differ <= 25 {
				t.Errorf("%s\nmysql: %s\nours:  %s", c.name, want[i], got[i])
			}
		}
	}
	t.Logf("%d transactions, %d of them decided by a row, %d differ", len(b.cases), matched, differ)
	if matched*10 < len(b.cases) {
		t.Error("too few transactions were decided by a row of a table: this compares nothing")
	}
}

// mysqlTables loads the rows into a MariaDB and returns main.cf's tables.
func mysqlTables(t *testing.T, rows tables) func(...string) string {
	t.Helper()
	db := scratchtest.MariaDB(t, scratch.MariaDBOptions{})
	conn, err := sql.Open("mysql", db.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	exec(t, conn, "CREATE TABLE t (name VARCHAR(20), k VARBINARY(500), v VARBINARY(500), KEY (name, k))")
	for name, table := range rows {
		for key, value := range table {
			exec(t, conn, "INSERT INTO t VALUES (?, ?, ?)", name, key, value)
		}
	}
	dir := t.TempDir()
	for _, name := range tableNames {
		writeFile(t, dir+"/"+name+".cf", fmt.Sprintf("hosts = 127.0.0.1:%d\nuser = %s\npassword = %s\ndbname = %s\n"+
			"query = SELECT v FROM t WHERE name = '%s' AND k = '%%s'\n", db.Port(), db.User(), db.Password(), db.Database(), name))
	}
	return func(names ...string) string {
		var list []string
		for _, name := range names {
			list = append(list, "mysql:"+dir+"/"+name+".cf")
		}
		return strings.Join(list, " ")
	}
}

func exec(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

// socketmaps serves the rows by this package and returns main.cf's tables. A
// list of tables is one map.
func socketmaps(t *testing.T, rows tables, setting setting) func(...string) string {
	t.Helper()
	set := lookup.Set{}
	for name, s := range served {
		o := keysearch.Options{RecipientDelimiter: delimiter, Propagate: setting.propagate, WholeAddresses: name == "helo",
			Parents: setting.parents(s.class),
			Local: func(domain string) bool {
				return domain == "origin.test" || domain == "[127.0.0.1]" || strings.HasSuffix(domain, ".local.test")
			}}
		var sources []lookup.Map
		for _, table := range s.tables {
			sources = append(sources, memory(rows[table]))
		}
		set[name] = keysearch.New(s.class, o, sources...)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go serveSocketmap(l, set)
	return func(names ...string) string {
		return fmt.Sprintf("socketmap:inet:%s:%s", l.Addr(), strings.TrimRight(names[0], "1"))
	}
}

func memory(rows map[string]string) lookup.Map {
	return lookup.Func(func(_ context.Context, key string) (string, bool, error) {
		value, found := rows[key]
		return value, found, nil
	})
}

// serveSocketmap answers until the listener is closed.
func serveSocketmap(l net.Listener, set lookup.Set) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			r := bufio.NewReader(conn)
			for {
				var n int
				if _, err := fmt.Fscanf(r, "%d:", &n); err != nil {
					return
				}
				request := make([]byte, n+1)
				if _, err := io.ReadFull(r, request); err != nil {
					return
				}
				name, key, _ := strings.Cut(string(request[:n]), " ")
				reply := "NOTFOUND "
				switch value, found, err := set[name].Lookup(context.Background(), key); {
				case err != nil:
					reply = "TEMP " + err.Error()
				case found:
					reply = "OK " + value
				}
				fmt.Fprintf(conn, "%d:%s,", len(reply), reply)
			}
		}()
	}
}

// startPostfix starts a Postfix that keeps all mail on hold.
func startPostfix(t *testing.T, s setting, table func(...string) string) *scratch.Postfix {
	t.Helper()
	main := map[string]string{
		"myorigin":                         "origin.test",
		"mydestination":                    `regexp:{{/\.local\.test$$/ x}}`,
		"virtual_alias_domains":            "origin.test",
		"virtual_mailbox_domains":          "",
		"recipient_delimiter":              delimiter,
		"virtual_alias_maps":               table("virtual1", "virtual2"),
		"recipient_canonical_maps":         table("rcanon"),
		"sender_canonical_maps":            table("scanon"),
		"transport_maps":                   table("transport"),
		"relay_domains":                    table("relay"),
		"relay_recipient_maps":             table("relayrcpt"),
		"recipient_bcc_maps":               table("bcc"),
		"smtpd_sender_login_maps":          table("login"),
		"smtpd_client_restrictions":        "check_client_access " + table("client"),
		"smtpd_helo_restrictions":          "check_helo_access " + table("helo"),
		"smtpd_sender_restrictions":        "reject_sender_login_mismatch, check_sender_access " + table("access"),
		"smtpd_relay_restrictions":         "",
		"smtpd_recipient_restrictions":     "check_recipient_access " + table("access") + ", reject_unauth_destination",
		"smtpd_data_restrictions":          "check_client_access static:HOLD",
		"smtpd_sasl_auth_enable":           "yes",
		"smtpd_sasl_exceptions_networks":   "static:all",
		"smtpd_authorized_xclient_hosts":   "127.0.0.0/8",
		"smtpd_error_sleep_time":           "0",
		"smtpd_soft_error_limit":           "100000",
		"smtpd_hard_error_limit":           "100000",
		"smtpd_junk_command_limit":         "100000",
		"in_flow_delay":                    "0",
		"notify_classes":                   "",
		"inet_protocols":                   "all",
		"smtpd_null_access_lookup_key":     "<>",
		"propagate_unmatched_extensions":   "",
		"virtual_alias_recursion_limit":    "20",
		"smtpd_reject_unlisted_recipient":  "yes",
		"smtpd_client_port_logging":        "no",
		"local_header_rewrite_clients":     "",
		"smtpd_discard_ehlo_keywords":      "",
		"parent_domain_matches_subdomains": "relay_domains, smtpd_access_maps",
	}
	if s.swapped {
		main["parent_domain_matches_subdomains"] = "transport_maps"
	}
	if s.propagate {
		main["propagate_unmatched_extensions"] = "canonical, virtual"
	}
	p, err := scratch.StartPostfix(t.Context(), scratch.PostfixOptions{Main: main})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// run plays all cases and returns for each its replies and its envelope.
func run(t *testing.T, p *scratch.Postfix, cases []testCase) []string {
	t.Helper()
	results, ids := make([]string, len(cases)), make([]string, len(cases))
	sessions := map[string]*scratch.Dialog{}
	for i, c := range cases {
		key := c.xclient + "|" + c.helo
		d, open := sessions[key]
		if !open {
			d = dial(t, p, c, &results[i])
			sessions[key] = d
		}
		results[i], ids[i] = play(t, d, c, results[i])
		if c.helo != "" {
			d.Close()
			delete(sessions, key)
		}
	}
	for d := range maps.Values(sessions) {
		d.Close()
	}
	for i, envelope := range envelopes(t, p, ids) {
		results[i] += envelope
	}
	return results
}

// dial opens a session as the client that the case wants.
func dial(t *testing.T, p *scratch.Postfix, c testCase, result *string) *scratch.Dialog {
	t.Helper()
	d, err := scratch.DialSMTP(t.Context(), p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if c.xclient != "" {
		command(t, d, "EHLO xclient.test")
		*result += "\n  " + command(t, d, "XCLIENT "+c.xclient).String()
	}
	helo := c.helo
	if helo == "" {
		helo = "helo.test"
	}
	reply := command(t, d, "EHLO "+helo)
	*result += fmt.Sprintf("\n  EHLO → %d", reply.Code)
	return d
}

func command(t *testing.T, d *scratch.Dialog, line string) scratch.Reply {
	t.Helper()
	reply, err := d.Command(line)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

var queuedAs = regexp.MustCompile(`queued as (\w+)`)

// play sends the mail of one case.
func play(t *testing.T, d *scratch.Dialog, c testCase, result string) (string, string) {
	t.Helper()
	utf8 := ""
	if lookup.Fold(c.sender+c.receiver) != strings.ToLower(c.sender+c.receiver) {
		utf8 = " SMTPUTF8"
	}
	reply := command(t, d, "MAIL FROM:<"+c.sender+">"+utf8)
	result += "\n  " + reply.String()
	if reply.OK() {
		reply = command(t, d, "RCPT TO:<"+c.receiver+">")
		result += "\n  " + reply.String()
	}
	id := ""
	if reply.OK() {
		command(t, d, "DATA")
		end, err := d.Body("Subject: test\n\ntest\n")
		if err != nil {
			t.Fatal(err)
		}
		if m := queuedAs.FindStringSubmatch(end.Text); m != nil {
			id = m[1]
		}
		result += "\n  " + queuedAs.ReplaceAllString(end.String(), "queued")
	}
	command(t, d, "RSET")
	return result, id
}

// envelopes tells sender and recipients of the mail with the queue numbers.
func envelopes(t *testing.T, p *scratch.Postfix, ids []string) []string {
	t.Helper()
	messages, err := p.Queue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]string{}
	for _, m := range messages {
		envelope := "\n  from " + m.Sender
		var to []string
		for _, r := range m.Recipients {
			to = append(to, r.Address)
		}
		slices.Sort(to)
		byID[m.ID] = envelope + "\n  to " + strings.Join(to, "\n  to ")
	}
	texts := make([]string, len(ids))
	for i, id := range ids {
		if id != "" && byID[id] == "" {
			t.Fatalf("message %s is not in the queue of %d", id, len(messages))
		}
		texts[i] = byID[id]
	}
	return texts
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
