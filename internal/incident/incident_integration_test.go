//go:build integration

package incident

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
	"postern/internal/store"
)

// host is a mail system whose mail stays in the queue, because nobody listens
// where it is sent, and one server that takes mail for one domain.
type host struct {
	db      *scratch.MariaDB
	mta     *scratch.Postfix
	sink    *scratch.Sink
	desk    *Desk
	refused string // where nobody listens
}

const rows = `
INSERT INTO smtp_users (username, password) VALUES ('alice', 'x'), ('bob', 'x');
INSERT INTO smtp_sender_acl (login, sender, active) VALUES ('alice', 'alice@fwd.test', 1), ('alice', 'old@fwd.test', 0), ('bob', 'bob@fwd.test', 1);
INSERT INTO domain (name) VALUES ('fwd.test');
INSERT INTO alias (address, goto) VALUES ('info@fwd.test', 'owner@far.test'), ('both', 'x@far.test');
INSERT INTO alias_handle (handle, address) VALUES ('desk', 'info@fwd.test'), ('alice', 'info@fwd.test');
`

func startHost(t *testing.T, longIDs string) *host {
	t.Helper()
	h := &host{db: scratchtest.Database(t, scratch.MariaDBOptions{}), sink: scratchtest.Sink(t, scratch.SinkOptions{})}
	if err := h.db.Exec(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	port, err := scratch.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	h.refused = fmt.Sprintf("[127.0.0.1]:%d", port)
	h.mta = scratchtest.Postfix(t, scratch.PostfixOptions{
		Main: map[string]string{
			"enable_long_queue_ids": longIDs, "recipient_delimiter": "+",
			"virtual_alias_domains":          "fwd.test",
			"virtual_alias_maps":             "inline:{info@fwd.test=owner@far.test, desk@fwd.test=owner@far.test}",
			"transport_maps":                 "inline:{near.test=smtp:" + h.sink.Nexthop() + "}",
			"default_transport":              "smtp:" + h.refused,
			"smtpd_sasl_auth_enable":         "yes",
			"smtpd_sasl_exceptions_networks": "static:all", // logins come by XCLIENT
			"smtpd_authorized_xclient_hosts": "127.0.0.0/8",
			"smtpd_sender_login_maps":        "mysql:$config_directory/logins.cf",
			"smtpd_sender_restrictions":      "reject_sender_login_mismatch",
			"smtpd_relay_restrictions":       "permit_mynetworks, reject",
		},
		Files: map[string]string{"logins.cf": fmt.Sprintf("hosts = inet:%s\nuser = %s\npassword = %s\ndbname = %s\nquery = SELECT login FROM smtp_sender_acl WHERE sender = '%%s' AND active = 1\n",
			h.db.Addr(), h.db.User(), h.db.Password(), h.db.Database())},
	})
	s, err := store.Open(store.Options{Driver: "mysql", Hosts: []string{h.db.Addr()}, Name: h.db.Database(), User: h.db.User(), Password: h.db.Password()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	h.desk = &Desk{Store: s, Queue: &Queue{Dir: h.mta.ConfigDir(), Run: Programs}, Dir: filepath.Join(t.TempDir(), "incidents"), Host: "mx.test", Delimiter: "+", Now: time.Now}
	return h
}

// session logs a client in.
func (h *host) session(t *testing.T, login string) *scratch.Dialog {
	t.Helper()
	d, err := scratch.DialSMTP(t.Context(), h.mta.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if login != "" {
		say(t, d, "XCLIENT LOGIN="+login, "220")
	}
	say(t, d, "EHLO client.test", "250")
	return d
}

func say(t *testing.T, d *scratch.Dialog, line, want string) {
	t.Helper()
	reply, err := d.Command(line)
	if got := fmt.Sprint(reply.Code, " ", reply.Text); err != nil || !strings.HasPrefix(got, want) {
		t.Fatalf("%s: %s (%v), want %s", line, got, err, want)
	}
}

// mail sends one message in a session and returns its queue ID.
func mail(t *testing.T, d *scratch.Dialog, from string, to ...string) string {
	t.Helper()
	say(t, d, "MAIL FROM:<"+from+">", "250")
	for _, address := range to {
		say(t, d, "RCPT TO:<"+address+">", "250")
	}
	say(t, d, "DATA", "354")
	reply, err := d.Body("Subject: x\n\ntext\n")
	_, id, ok := strings.Cut(reply.Text, "queued as ")
	if err != nil || !ok {
		t.Fatalf("%v %v", reply, err)
	}
	return strings.TrimSpace(id)
}

// queues are the queues in which messages are, by ID.
func (h *host) queues(t *testing.T) map[string]string {
	t.Helper()
	list, err := h.mta.Queue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]string{}
	for _, m := range list {
		in[m.ID] = m.Queue
	}
	return in
}

// deferred waits until messages were tried.
func (h *host) deferred(t *testing.T, ids ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, id := range ids {
		if err := h.mta.WaitLog(ctx, id+": to="); err != nil {
			t.Fatal(err)
		}
		for h.queues(t)[id] != "deferred" {
			if ctx.Err() != nil {
				t.Fatalf("%s is in %s", id, h.queues(t)[id])
			}
		}
	}
}

func (h *host) value(t *testing.T, query string) (n int) {
	t.Helper()
	if err := h.desk.Store.DB().Get(&n, query); err != nil {
		t.Fatal(err)
	}
	return n
}

func (h *host) want(t *testing.T, when string, want map[string]string) {
	t.Helper()
	got := h.queues(t)
	for id, queue := range want {
		if got[id] != queue {
			t.Errorf("%s: %s is in %q, want %q", when, id, got[id], queue)
		}
	}
}

func ids(messages []Message) []string {
	all := []string{}
	for _, m := range messages {
		all = append(all, m.ID)
	}
	slices.Sort(all)
	return all
}

func TestIncidentOfALogin(t *testing.T) {
	for _, long := range []string{"no", "yes"} {
		t.Run("long IDs "+long, func(t *testing.T) { testLogin(t, startHost(t, long)) })
	}
}

func testLogin(t *testing.T, h *host) {
	open := h.session(t, "alice")
	sent := mail(t, open, "alice@fwd.test", "one@near.test", "two@near.test")
	stuck := mail(t, open, "alice@fwd.test", "a@far.test")
	kept := mail(t, open, "alice@fwd.test", "b@far.test") // that somebody holds already
	others := mail(t, h.session(t, "bob"), "bob@fwd.test", "a@far.test")
	forged := mail(t, h.session(t, ""), "mallory@other.test", "a@far.test")
	h.deferred(t, stuck, kept, others, forged)
	if _, err := h.sink.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if out, err := h.mta.Run(t.Context(), "postsuper", "-h", kept); err != nil {
		t.Fatal(out, err)
	}

	var ambiguous *AmbiguousError
	if r, err := h.desk.Stop(t.Context(), Request{Name: "alice"}); r != nil || !errors.As(err, &ambiguous) {
		t.Fatalf("%+v, %v", r, err)
	}
	dry, err := h.desk.Stop(t.Context(), Request{Name: "alice", As: Login, DryRun: true})
	if err != nil || len(dry.Rows) != 2 || !slices.Equal(ids(dry.Held), []string{stuck}) {
		t.Fatalf("%+v, %v", dry, err)
	}
	if _, err := os.Stat(h.desk.Dir); !errors.Is(err, fs.ErrNotExist) || h.queues(t)[stuck] != "deferred" {
		t.Fatalf("a dry run changed something: %v", err)
	}

	r, err := h.desk.Stop(t.Context(), Request{Name: "Alice", As: Login, Reason: "leaked"})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Rows) != 2 || !slices.Equal(ids(r.Held), []string{stuck}) || r.Held[0].Login != "alice" || r.Held[0].Loose {
		t.Errorf("%+v", r.State)
	}
	var got []string
	for _, one := range r.Reached {
		got = append(got, one.To+" "+one.ID)
	}
	slices.Sort(got)
	if !slices.Equal(got, []string{"one@near.test " + sent, "two@near.test " + sent}) {
		t.Errorf("reached %q", got)
	}
	h.want(t, "stopped", map[string]string{stuck: "hold", kept: "hold", others: "deferred", forged: "deferred"})
	if n := h.value(t, `SELECT count(*) FROM smtp_sender_acl WHERE active = 1`) + 10*h.value(t, `SELECT count(*) FROM smtp_users WHERE active = 1`); n != 11 {
		t.Errorf("active rows: %d", n)
	}

	// A session that logged in before sends no more.
	say(t, open, "MAIL FROM:<alice@fwd.test>", "250")
	say(t, open, "RCPT TO:<one@near.test>", "553 5.7.1 <alice@fwd.test>: Sender address rejected: not owned by user alice")

	// The same on the next host: nothing is left to stop.
	again, err := h.desk.Stop(t.Context(), Request{Name: "alice", As: Login})
	if err != nil || len(again.Rows) != 0 || len(again.Held) != 0 || len(again.Notes) == 0 || again.Stopped == nil {
		t.Errorf("again: %+v, %v", again, err)
	}

	undone, err := h.desk.Undo(t.Context(), r.ID)
	if err != nil || len(undone.Restored) != 2 || !slices.Equal(ids(undone.Released), []string{stuck}) {
		t.Fatalf("%+v, %v", undone, err)
	}
	h.want(t, "undone", map[string]string{stuck: "deferred", kept: "hold", others: "deferred"})
	if n := h.value(t, `SELECT count(*) FROM smtp_sender_acl WHERE active = 1`); n != 2 {
		t.Errorf("%d senders are active", n)
	}
	mail(t, h.session(t, "alice"), "alice@fwd.test", "one@near.test")
	if _, err := h.desk.Undo(t.Context(), r.ID); !errors.Is(err, ErrDone) {
		t.Errorf("twice: %v", err)
	}
}

func TestIncidentOfAnAddress(t *testing.T) {
	h := startHost(t, "no")
	client := h.session(t, "")
	alias := mail(t, client, "a@other.test", "info+news@fwd.test")
	handle := mail(t, client, "a@other.test", "desk@fwd.test")
	direct := mail(t, client, "a@other.test", "x@far.test", "owner@far.test")
	none := mail(t, client, "a@other.test", "desk@elsewhere.test")
	h.deferred(t, alias, handle, direct, none)

	tests := []struct {
		q     Request
		held  []string
		check string
	}{
		{Request{Name: "INFO@fwd.test"}, []string{alias}, `SELECT count(*) FROM alias WHERE address = 'info@fwd.test' AND active = 0`},
		{Request{Name: "desk"}, []string{handle}, `SELECT count(*) FROM alias_handle WHERE handle = 'desk' AND active = 0`},
		{Request{Name: "owner@far.test"}, []string{alias, handle, direct}, `SELECT count(*) FROM api_bans WHERE ban_type = 'email' AND ban_value = 'owner@far.test' AND revoked_at IS NULL AND reason LIKE 'incident %'`},
		{Request{Name: "new@far.test", As: Destination}, nil, `SELECT count(*) FROM api_bans WHERE ban_value = 'new@far.test' AND revoked_at IS NULL`},
	}
	for _, tt := range tests {
		t.Run(tt.q.Name, func(t *testing.T) {
			r, err := h.desk.Stop(t.Context(), tt.q)
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(tt.held)
			if !slices.Equal(ids(r.Held), tt.held) && len(tt.held)+len(r.Held) > 0 {
				t.Errorf("held %v, want %v", ids(r.Held), tt.held)
			}
			if h.value(t, tt.check) != 1 {
				t.Error("the database did not take it")
			}
			if _, err := h.desk.Undo(t.Context(), r.ID); err != nil {
				t.Fatal(err)
			}
			if h.value(t, tt.check) != 0 {
				t.Error("not undone")
			}
			for id, queue := range h.queues(t) {
				if queue == "hold" {
					t.Errorf("%s is still on hold", id)
				}
			}
		})
	}
	for _, q := range []Request{{Name: "nobody"}, {Name: "nobody@fwd.test"}, {Name: "desk", As: Login}} {
		if r, err := h.desk.Stop(t.Context(), q); r != nil || err == nil {
			t.Errorf("%+v: %+v, %v", q, r, err)
		}
	}
}

// TestIncidentWithoutDatabase: the mail is held all the same, and the rest
// follows.
func TestIncidentWithoutDatabase(t *testing.T) {
	h := startHost(t, "yes")
	stuck := mail(t, h.session(t, "bob"), "bob@fwd.test", "a@far.test")
	h.deferred(t, stuck)
	if err := h.db.Kill(); err != nil {
		t.Fatal(err)
	}
	r, err := h.desk.Stop(t.Context(), Request{Name: "bob"})
	if !errors.Is(err, ErrNotStopped) || r == nil || r.Kind != Unknown || !slices.Equal(ids(r.Held), []string{stuck}) {
		t.Fatalf("%+v, %v", r, err)
	}
	h.want(t, "without the database", map[string]string{stuck: "hold"})
	if _, err := h.desk.Undo(t.Context(), r.ID); err != nil { // nothing was changed there
		t.Fatal(err)
	}
	h.want(t, "undone", map[string]string{stuck: "deferred"})
	r, err = h.desk.Stop(t.Context(), Request{Name: "bob", As: Login})
	if !errors.Is(err, ErrNotStopped) || r.Stopped != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := h.db.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err = h.desk.Continue(t.Context(), r.ID, nil)
	if err != nil || r.Stopped == nil || len(r.Rows) != 2 || !slices.Equal(ids(r.Held), []string{stuck}) {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := h.db.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := h.desk.Undo(t.Context(), r.ID); !errors.Is(err, ErrNotStopped) {
		t.Fatalf("undo without the database: %v", err)
	}
	h.want(t, "not undone", map[string]string{stuck: "hold"})
	if err := h.db.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s, err := h.desk.Undo(t.Context(), r.ID); err != nil || len(s.Restored) != 2 {
		t.Fatalf("%+v, %v", s, err)
	}
}

// TestIncidentFullDisk: nothing is changed where it cannot be written down, or
// where another user could change what was.
func TestIncidentFullDisk(t *testing.T) {
	h := startHost(t, "no")
	stuck := mail(t, h.session(t, "bob"), "bob@fwd.test", "a@far.test")
	h.deferred(t, stuck)
	if err := os.MkdirAll(h.desk.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(h.desk.Dir, 1, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := h.desk.Stop(t.Context(), Request{Name: "bob"}); err == nil || !strings.Contains(err.Error(), "belongs to user 1, who could change what is in it") {
		t.Fatalf("in the folder of another user: %v", err)
	}
	if err := os.Chown(h.desk.Dir, 0, -1); err != nil {
		t.Fatal(err)
	}
	scratchtest.SmallDisk(t, h.desk.Dir, "64k")
	filler := scratchtest.FillDisk(t, h.desk.Dir)
	if _, err := h.desk.Stop(t.Context(), Request{Name: "bob"}); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
		t.Fatalf("%v", err)
	}
	h.want(t, "full", map[string]string{stuck: "deferred"})
	if n := h.value(t, `SELECT count(*) FROM smtp_users WHERE active = 1`); n != 2 {
		t.Errorf("%d logins are active", n)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if r, err := h.desk.Stop(t.Context(), Request{Name: "bob"}); err != nil || len(r.Held) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
}
