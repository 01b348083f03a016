//go:build integration

package e2e

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
	"postern/internal/store"
)

// forwardingRows are the rows of a forwarding host, with everything in them
// that has led somewhere wrong: handles named like domains, empty targets,
// reserved names, loops, expired bans.
const forwardingRows = "" +
	"INSERT INTO domain (name, active) VALUES ('fwd.test',1),('second.test',1),('off.test',0),('elsewhere.fwd.test',0),('hosted.second.test',1);" +
	"INSERT INTO alias (address, `goto`, active) VALUES ('info@fwd.test','owner@dest.test',1),('team@fwd.test','a@dest.test,b@dest.test',1)," +
	"('@second.test','all@dest.test',1),('both@fwd.test','alias@dest.test',1),('empty@fwd.test','',1),('blank@fwd.test',' , ',1)," +
	"('off@fwd.test','x@dest.test',0),('x@off.test','x@dest.test',1),('friend@fwd.test','bob@gmail.test',1),('webmaster@fwd.test','web@dest.test',1)," +
	"('banned@fwd.test','u@banned.test',1),('below@fwd.test','u@deep.sub.banned.test',1),('expired@fwd.test','u@expired.test',1)," +
	"('revoked@fwd.test','u@revoked.test',1),('chain@fwd.test','info@fwd.test',1),('jose@fwd.test','plain@dest.test',1),('café@fwd.test','accent@dest.test',1)," +
	"('spam@fwd.test','u@twice.test',1),('half@fwd.test','half2@fwd.test,h@dest.test',1),('half2@fwd.test','half@fwd.test',1),('dead@fwd.test','nobody@fwd.test',1),('x@strange.test','x@dest.test',1);" +
	"INSERT INTO alias_handle (handle, address, active) VALUES ('alice','alice@dest.test',1),('bob','bob@dest.test',1),('both','handle@dest.test',1)," +
	"('test','tld@dest.test',1),('gmail.test','captured@dest.test',1),('fwd.test','captured@dest.test',1),('nowhere',NULL,1),('blank',' ',1)," +
	"('jose','jose@dest.test',1),('admin','thief@dest.test',1),('postmaster','thief@dest.test',1),('webmaster','thief@dest.test',1)," +
	"('ring1','ring2@fwd.test',1),('ring2','ring1@fwd.test',1),('gone','gone@dest.test',0);" +
	"INSERT INTO smtp_sender_acl (login, sender, active) VALUES ('alice','alice@fwd.test',1),('alice','team@fwd.test',1),('bob','team@fwd.test',1)," +
	"('carol','carol@fwd.test',0),('dora','@second.test',1);" +
	"INSERT INTO api_bans (ban_type, ban_value, reason, created_at, expires_at, revoked_at) VALUES " +
	"('domain','banned.test','spam source','2026-01-01 00:00:00',NULL,NULL),('domain','expired.test','old','2020-01-01 00:00:00','2020-02-01 00:00:00',NULL)," +
	"('domain','revoked.test','mistake','2026-01-01 00:00:00',NULL,'2026-01-02 00:00:00')," +
	"('domain','twice.test','first','2020-01-01 00:00:00','2020-02-01 00:00:00',NULL),('domain','twice.test','still','2026-01-01 00:00:00',NULL,NULL)," +
	"('email','owner@dest.test','no domain ban','2026-01-01 00:00:00',NULL,NULL),('name','info','no domain ban','2026-01-01 00:00:00',NULL,NULL);"

const forwardingSettings = "operator: ops@operator.test\npostfix: {myorigin: mx.fwd-host.test}\n"

// forwardingMail is one mail and what must become of it.
type forwardingMail struct {
	name     string
	door     string // port 25 if empty; "submission LOGIN", "old" (an access table that says OK)
	from, to string
	want     string   // begin of the decisive reply
	arrives  []string // recipients at the sink
	bounces  string   // text of the bounce, to the sender
}

var forwardingMails = []forwardingMail{
	{name: "alias", from: "s@far.test", to: "info@fwd.test", want: "250", arrives: []string{"owner@dest.test"}},
	{name: "alias in other case with extension", from: "s@far.test", to: "INFO+Tag@Fwd.Test", want: "250", arrives: []string{"owner+Tag@dest.test"}},
	{name: "several targets", from: "s@far.test", to: "team@fwd.test", want: "250", arrives: []string{"a@dest.test", "b@dest.test"}},
	{name: "catch-all", from: "s@far.test", to: "anything@second.test", want: "250", arrives: []string{"all@dest.test"}},
	{name: "chain", from: "s@far.test", to: "chain@fwd.test", want: "250", arrives: []string{"owner@dest.test"}},
	{name: "unknown recipient", from: "s@far.test", to: "nobody@fwd.test", want: "550 5.1.1"},
	{name: "stranger's domain", from: "s@far.test", to: "u@strange.test", want: "554 5.7.1"},
	{name: "null sender", from: "", to: "info@fwd.test", want: "250", arrives: []string{"owner@dest.test"}},

	{name: "handle named like a top-level domain opens no relay", from: "s@far.test", to: "u@far.test", want: "554 5.7.1"},
	{name: "at a hosted domain it is a handle like any other", from: "s@far.test", to: "test@fwd.test", want: "250", arrives: []string{"tld@dest.test"}},
	{name: "handle named like a hosted domain admits nobody", from: "s@far.test", to: "nosuch@fwd.test", want: "550 5.1.1"},
	{name: "not even by an access table that says OK", door: "old", from: "s@far.test", to: "u@far.test", want: "554 5.7.1"},
	{name: "the access table says OK to what leads somewhere", door: "old", from: "s@far.test", to: "alice@fwd.test", want: "250", arrives: []string{"alice@dest.test"}},
	{name: "and to nothing else", door: "old", from: "s@far.test", to: "nobody@fwd.test", want: "554 5.7.1"},
	{name: "handle without address at a foreign domain", door: "old", from: "s@far.test", to: "nowhere@far.test", want: "554 5.7.1"},
	{name: "handle without address at a hosted one", from: "s@far.test", to: "nowhere@fwd.test", want: "550 5.1.1"},
	{name: "blank address", from: "s@far.test", to: "blank@fwd.test", want: "550 5.1.1"},
	{name: "quoted with a blank at a foreign domain", door: "old", from: "s@far.test", to: `"jose "@far.test`, want: "554 5.7.1"},
	{name: "quoted with a blank at a hosted one", from: "s@far.test", to: `"alice "@fwd.test`, want: "550 5.1.1"},
	{name: "handle at a foreign domain", door: "old", from: "s@far.test", to: "alice@far.test", want: "554 5.7.1"},
	{name: "handle at any hosted domain", from: "s@far.test", to: "alice@hosted.second.test", want: "250", arrives: []string{"alice@dest.test"}},
	{name: "handle before alias", from: "s@far.test", to: "both@fwd.test", want: "250", arrives: []string{"handle@dest.test"}},
	{name: "destination elsewhere is not expanded by a handle", from: "s@far.test", to: "friend@fwd.test", want: "250", arrives: []string{"bob@gmail.test"}},
	{name: "reserved handle", from: "s@far.test", to: "admin@fwd.test", want: "550 5.1.1"},
	{name: "reserved name with an alias row", from: "s@far.test", to: "webmaster@fwd.test", want: "250", arrives: []string{"web@dest.test"}},
	{name: "postmaster of a hosted domain", from: "s@far.test", to: "postmaster@fwd.test", want: "250", arrives: []string{"ops@operator.test"}},
	{name: "abuse of a hosted domain", from: "s@far.test", to: "Abuse@fwd.test", want: "250", arrives: []string{"ops@operator.test"}},
	{name: "handle named like a mail domain makes it no domain of ours", from: "s@far.test", to: "u@gmail.test", want: "554 5.7.1"},
	{name: "alias at an inactive domain", from: "s@far.test", to: "x@off.test", want: "554 5.7.1"},
	{name: "alias at a domain without a row", from: "s@far.test", to: "x@strange.test", want: "554 5.7.1"},
	{name: "inactive alias", from: "s@far.test", to: "off@fwd.test", want: "550 5.1.1"},
	{name: "inactive handle", from: "s@far.test", to: "gone@fwd.test", want: "550 5.1.1"},
	{name: "empty goto", from: "s@far.test", to: "empty@fwd.test", want: "550 5.1.1"},
	{name: "goto without an address", from: "s@far.test", to: "blank@fwd.test", want: "550 5.1.1"},
	{name: "goto that leads nowhere", from: "s@far.test", to: "dead@fwd.test", want: "550 5.1.1"},
	{name: "bare postmaster", from: "s@far.test", to: "postmaster", want: "250", arrives: []string{"ops@operator.test"}},
	{name: "banned destination", from: "s@far.test", to: "banned@fwd.test", want: "250", bounces: "Domain banned. spam source"},
	{name: "below a banned domain", from: "s@far.test", to: "below@fwd.test", want: "250", bounces: "Domain banned. spam source"},
	{name: "banned again after an expired ban", from: "s@far.test", to: "spam@fwd.test", want: "250", bounces: "Domain banned. still"},
	{name: "expired ban", from: "s@far.test", to: "expired@fwd.test", want: "250", arrives: []string{"u@expired.test"}},
	{name: "revoked ban", from: "s@far.test", to: "revoked@fwd.test", want: "250", arrives: []string{"u@revoked.test"}},
	{name: "two handles in a loop", from: "s@far.test", to: "ring1@fwd.test", want: "550 5.1.1"},
	{name: "loop beside a way out", from: "s@far.test", to: "half@fwd.test", want: "250", arrives: []string{"h@dest.test"}},
	{name: "shared sender, one login", door: "submission alice", from: "team@fwd.test", to: "u@far.test", want: "250", arrives: []string{"u@far.test"}},
	{name: "shared sender, the other login", door: "submission bob", from: "team@fwd.test", to: "u@far.test", want: "250", arrives: []string{"u@far.test"}},
	{name: "with an extension", door: "submission bob", from: "Team+x@fwd.test", to: "u@far.test", want: "250", arrives: []string{"u@far.test"}},
	{name: "not for a third", door: "submission carol", from: "team@fwd.test", to: "u@far.test", want: "553 5.7.1"},
	{name: "inactive row", door: "submission carol", from: "carol@fwd.test", to: "u@far.test", want: "553 5.7.1"},
	{name: "whole domain of a login", door: "submission dora", from: "any@second.test", to: "u@far.test", want: "250", arrives: []string{"u@far.test"}},
	{name: "forged hosted sender", from: "info@fwd.test", to: "info@fwd.test", want: "554 5.7.1"},
	{name: "forged subdomain", from: "u@any.sub.FWD.test", to: "info@fwd.test", want: "554 5.7.1"},
	{name: "subdomain hosted elsewhere by choice", from: "u@elsewhere.fwd.test", to: "info@fwd.test", want: "250", arrives: []string{"owner@dest.test"}},
	{name: "accent in the address", from: "s@far.test", to: "josé@fwd.test", want: "550 5.1.1"},
	{name: "no accent in the address", from: "s@far.test", to: "cafe@fwd.test", want: "550 5.1.1"},
	{name: "handle with an accent typed", from: "s@far.test", to: "álice@fwd.test", want: "550 5.1.1"},
}

// TestForwarding plays the mails of a forwarding host whose every lookup is
// answered by the built-in maps, on either database with the same rows.
func TestForwarding(t *testing.T) {
	t.Run("MariaDB", func(t *testing.T) {
		db := newDatabase(t, true, true)
		db.exec(t, forwardingRows)
		d := startDaemon(t, db.block()+forwardingSettings+"maps: {bans: {cf: "+
			db.cf(t, openFolder(t), "bans", "query = SELECT concat('error:', reason) FROM api_bans WHERE ban_type='domain' "+
				"AND revoked_at IS NULL AND (ban_value='%s' OR '%s' LIKE ban_pattern)")+"}}\n")
		testForwarding(t, d)
		t.Run("a query of a site's own may ask ban_pattern", func(t *testing.T) {
			if got := d.asker().must(t, "bans", "deep.sub.banned.test"); got != "OK error:spam source" {
				t.Errorf("answer %q", got)
			}
		})
	})
	t.Run("SQLite", func(t *testing.T) {
		path := filepath.Join(openFolder(t), "postern.db")
		makeSQLite(t, path, forwardingRows)
		testForwarding(t, startDaemon(t, "database: {driver: sqlite, path: "+path+"}\n"+forwardingSettings))
	})
}

// makeSQLite makes an embedded store with the schema and rows.
func makeSQLite(t *testing.T, path, rows string) {
	t.Helper()
	if err := store.InitSQLite(path); err != nil {
		t.Fatal(err)
	}
	execSQLite(t, path, rows)
}

// execSQLite changes an embedded store as another program would.
func execSQLite(t *testing.T, path, statements string) {
	t.Helper()
	s, err := store.Open(store.Options{Driver: "sqlite", Path: path, MaxConnections: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.DB().ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
}

// forwardingHost is a Postfix wired to the built-in maps.
type forwardingHost struct {
	mta             *scratch.Postfix
	sink            *scratch.Sink
	old, submission string // further listeners
}

// startForwardingHost starts one wired as the shipped main.cf is, with a
// submission service and one whose access table says OK.
func startForwardingHost(t *testing.T, d *daemon) *forwardingHost {
	t.Helper()
	h := &forwardingHost{sink: scratchtest.Sink(t, scratch.SinkOptions{}), old: freeAddr(t), submission: freeAddr(t)}
	maps := "socketmap:unix:" + d.unix + ":"
	_, oldPort, _ := net.SplitHostPort(h.old)
	_, submissionPort, _ := net.SplitHostPort(h.submission)
	main := forwardingMain(maps, h.sink.Nexthop())
	mta, err := scratch.StartPostfix(t.Context(), scratch.PostfixOptions{Main: main, Master: strings.NewReplacer(
		"MAPS", maps, "OLD", "127.0.0.1:"+oldPort, "SUBMISSION", "127.0.0.1:"+submissionPort,
	).Replace(`
OLD inet n - n - - smtpd
  -o smtpd_relay_restrictions=
  -o smtpd_recipient_restrictions=check_recipient_access,MAPSallowlist-handles,check_recipient_access,MAPSallowlist-aliases,reject
SUBMISSION inet n - n - - smtpd
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_sasl_exceptions_networks=static:all
  -o smtpd_sender_login_maps=MAPSsender-login-maps
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
  -o smtpd_sender_restrictions=reject_sender_login_mismatch
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_recipient_restrictions=
`)})
	if err != nil {
		t.Fatal(err)
	}
	h.mta = mta
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of Postfix:\n%s", tail(mta.Log(), 3000))
		}
		if err := mta.Stop(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// forwardingMain is the wiring of port 25.
func forwardingMain(maps, nexthop string) map[string]string {
	return map[string]string{
		"myhostname": "mx.fwd-host.test", "myorigin": "$myhostname", "mynetworks": "", "relayhost": nexthop,
		"recipient_delimiter":           "+",
		"virtual_alias_domains":         "$myhostname, " + maps + "virtual-domains",
		"virtual_alias_maps":            "inline:{ {root@$myhostname=ops@operator.test} }, " + maps + "virtual",
		"virtual_alias_recursion_limit": "10", "virtual_alias_expansion_limit": "100",
		"transport_maps":               maps + "banned-domains",
		"smtpd_relay_restrictions":     "reject_unauth_destination",
		"smtpd_recipient_restrictions": "reject_unlisted_recipient, check_sender_access " + maps + "block-local-senders",
		"local_transport":              "error:5.1.1 no mailboxes on this host", "strict_rfc821_envelopes": "yes",
		"show_user_unknown_table_name": "no", "notify_classes": "", "smtpd_authorized_xclient_hosts": "127.0.0.0/8",
		"smtpd_error_sleep_time": "0", "smtpd_soft_error_limit": "100000", "smtpd_hard_error_limit": "100000",
		"smtpd_client_connection_count_limit": "0", "default_process_limit": "300",
	}
}

// testForwarding plays every mail, each a subtest.
func testForwarding(t *testing.T, d *daemon) {
	h := startForwardingHost(t, d)
	for i, m := range forwardingMails {
		t.Run(m.name, func(t *testing.T) { h.play(t, i, m) })
	}
	t.Run("nothing else came out", func(t *testing.T) {
		messages, err := h.sink.Messages(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := len(slices.DeleteFunc(slices.Clone(forwardingMails), func(m forwardingMail) bool {
			return m.arrives == nil && m.bounces == ""
		}))
		if len(messages) != want {
			t.Errorf("%d messages left, want %d", len(messages), want)
		}
	})
}

// play sends one mail and looks where it comes out.
func (h *forwardingHost) play(t *testing.T, i int, m forwardingMail) {
	addr, login := h.mta.Addr(), ""
	door, who, _ := strings.Cut(m.door, " ")
	switch door {
	case "old":
		addr = h.old
	case "submission":
		addr, login = h.submission, who
	}
	mark := fmt.Sprintf("Subject: forwarding %d.", i)
	got := sendMail(t, addr, login, m.from, m.to, mark)
	if !strings.HasPrefix(got, m.want) {
		t.Fatalf("reply %q, want %s", got, m.want)
	}
	if m.arrives == nil && m.bounces == "" {
		return
	}
	var came *scratch.Message
	eventually(t, "the mail comes out", func() bool { came = h.find(t, mark); return came != nil })
	switch {
	case m.bounces != "":
		if came.Sender != "" || !slices.Equal(came.Recipients, []string{m.from}) || !strings.Contains(unfold(came.Data), m.bounces) {
			t.Errorf("out came <%s> to %q, want a bounce to <%s> that says %q:\n%s", came.Sender, came.Recipients, m.from, m.bounces, came.Data)
		}
	case came.Sender != m.from || !slices.Equal(came.Recipients, m.arrives):
		t.Errorf("out came <%s> to %q, want <%s> to %q", came.Sender, came.Recipients, m.from, m.arrives)
	}
}

// unfold undoes the line breaks of a bounce.
func unfold(data []byte) string { return strings.Join(strings.Fields(string(data)), " ") }

// find is the mail with a mark in it, nil if it has not come.
func (h *forwardingHost) find(t *testing.T, mark string) *scratch.Message {
	t.Helper()
	messages, err := h.sink.Messages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range messages {
		if strings.Contains(string(messages[i].Data), mark) {
			return &messages[i]
		}
	}
	return nil
}

// sendMail sends one mail and returns the reply that decided: the first
// refusal or the last reply of all.
func sendMail(t *testing.T, addr, login, from, to, header string) string {
	t.Helper()
	d, err := scratch.DialSMTP(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	commands := []string{"EHLO client.test"}
	if login != "" {
		commands = append(commands, "XCLIENT LOGIN="+login, "EHLO client.test")
	}
	utf8 := ""
	if !ascii(from + to) {
		utf8 = " SMTPUTF8"
	}
	commands = append(commands, "MAIL FROM:<"+from+">"+utf8, "RCPT TO:<"+to+">", "DATA")
	for _, command := range commands {
		reply, err := d.Command(command)
		if err != nil {
			t.Fatal(err)
		}
		if !reply.OK() {
			return fmt.Sprintf("%d %s", reply.Code, reply.Text)
		}
	}
	reply, err := d.Body(header + "\n\ntext\n")
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", reply.Code, reply.Text)
}
