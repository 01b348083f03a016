package admin

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"postern/internal/store"
)

// host is a desk over an embedded database with some rows.
func host(t *testing.T, rows ...string) (*Desk, *store.Store) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "postern.db")
	if err := store.InitSQLite(path); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(store.Options{Driver: "sqlite", Path: path, MaxConnections: 4}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return fill(t, s, rows...), s
}

// fill writes the rows of the tests and makes a desk.
func fill(t *testing.T, s *store.Store, rows ...string) *Desk {
	t.Helper()
	for _, row := range append([]string{
		`INSERT INTO domain (name, active) VALUES ('fwd.test', 1), ('b.test', 1), ('off.test', 0)`,
		"INSERT INTO alias (address, `goto`) VALUES ('info@fwd.test', 'boss@dest.test'), ('@b.test', 'all@dest.test')",
		`INSERT INTO alias_handle (handle, address) VALUES ('bob', 'bob@dest.test'), ('nobody', NULL)`,
		`INSERT INTO smtp_users (username, password) VALUES ('alice', '{PLAIN}x')`,
		`INSERT INTO smtp_sender_acl (login, sender) VALUES ('alice', 'info@fwd.test')`,
	}, rows...) {
		if _, err := s.Exec(context.Background(), row); err != nil {
			t.Fatalf("%s: %v", row, err)
		}
	}
	return New(s, Options{
		SRSDomain: "srs.test", Hostname: "MX.test", Operator: "op@dest.test", Delimiter: "+", Propagate: true,
		Reserved: []string{"postmaster", "abuse", "admin"}, Allowed: []string{"abuse"},
	})
}

// change is one step of a test.
type change func(context.Context, *Desk) (Done, error)

func alias(w Ways, address string, targets ...string) change {
	return func(ctx context.Context, d *Desk) (Done, error) { return d.AddAlias(ctx, address, targets, w) }
}

func handle(w Ways, name string, targets ...string) change {
	return func(ctx context.Context, d *Desk) (Done, error) { return d.AddHandle(ctx, name, targets, w) }
}

func domain(w Ways, name string) change {
	return func(ctx context.Context, d *Desk) (Done, error) { return d.AddDomain(ctx, name, w) }
}

func sender(w Ways, login, address string) change {
	return func(ctx context.Context, d *Desk) (Done, error) { return d.AddSender(ctx, login, address, w) }
}

func enable(table, key, value string) change {
	return func(ctx context.Context, d *Desk) (Done, error) {
		return d.Enable(ctx, table, RowOf(table, key, value))
	}
}

func remove(table, key, value string) change {
	return func(ctx context.Context, d *Desk) (Done, error) {
		return d.Remove(ctx, table, RowOf(table, key, value))
	}
}

// changes are what the rules say on every database. A wish that begins with
// "no:" is a refusal, with "bad:" an invalid input, else the text of what was
// done; what follows " / " is part of a note.
var changes = []struct {
	name string
	rows string
	do   change
	want string
}{
	{"alias", "", alias(Ways{}, "New@Fwd.TEST", "x@Dest.TEST"), "added alias new@fwd.test, which leads to x@dest.test"},
	{"case of a name elsewhere is kept", "", alias(Ways{}, "n@fwd.test", "Boss@dest.test"), "leads to Boss@dest.test"},
	{"targets twice", "", alias(Ways{}, "n@fwd.test", "a@dest.test,A@dest.test", "b@dest.test"), "leads to a@dest.test,b@dest.test"},
	{"an alias there", "", alias(Ways{}, "INFO@fwd.test", "x@dest.test"), "no:alias info@fwd.test exists already (#1) and leads to boss@dest.test: --replace"},
	{"replaced", "", alias(Ways{Replace: true}, "info@fwd.test", "x@dest.test"), "changed alias info@fwd.test, which leads to x@dest.test now and led to boss@dest.test"},
	{"replace adds, too", "", alias(Ways{Replace: true}, "n@fwd.test", "x@dest.test"), "added alias n@fwd.test"},
	{"replaced while disabled", "UPDATE alias SET active = 0", alias(Ways{Replace: true}, "info@fwd.test", "x@dest.test"), "changed alias / it is disabled: 'postern alias enable info@fwd.test'"},
	{"chain", "", alias(Ways{}, "n@fwd.test", "info@fwd.test"), "added alias n@fwd.test"},
	{"extension", "", alias(Ways{}, "n@fwd.test", "info+x@fwd.test"), "added alias n@fwd.test"},
	{"catch-all", "", alias(Ways{}, "@fwd.test", "x@dest.test"), "added alias @fwd.test / every address at fwd.test"},
	{"same name elsewhere", "", alias(Ways{}, "@fwd.test", "@dest.test"), "leads to @dest.test / every address"},
	{"@ among others", "", alias(Ways{}, "n@fwd.test", "@dest.test", "x@dest.test"), "bad:a target @DOMAIN means the same name"},
	{"itself", "", alias(Ways{Force: true}, "n@fwd.test", "x@dest.test", "N@fwd.test"), "no:target N@fwd.test is the address itself"},
	{"itself by @", "", alias(Ways{Force: true}, "n@fwd.test", "@fwd.test"), "no:target n@fwd.test is the address itself"},
	{"circle of two", "", alias(Ways{Force: true, Replace: true}, "info@fwd.test", "x@b.test"), "changed alias"},
	{"circle through a catch-all", "UPDATE alias SET `goto` = 'n@fwd.test' WHERE address = '@b.test'", alias(Ways{Force: true}, "n@fwd.test", "x@b.test"), "no:alias n@fwd.test leads in a circle: n@fwd.test > x@b.test > n@fwd.test"},
	{"circle of catch-alls", "UPDATE alias SET `goto` = '@fwd.test' WHERE address = '@b.test'", alias(Ways{Force: true}, "@fwd.test", "@b.test"), "no:alias @fwd.test leads in a circle: @fwd.test > @b.test > @fwd.test"},
	{"circle through an address that the catch-all answers", "", alias(Ways{Force: true}, "@fwd.test", "x@fwd.test"), "added alias / every address"},
	{"a catch-all that answers its own target", "", alias(Ways{}, "@fwd.test", "x@fwd.test", "y@dest.test"), "no:target x@fwd.test is answered with itself"},
	{"circle that grows", "", alias(Ways{Force: true}, "n@fwd.test", "n+x@fwd.test"), "no:alias n@fwd.test leads in a circle"},
	{"half a circle", "UPDATE alias SET `goto` = 'n@fwd.test,x@dest.test' WHERE address = '@b.test'", alias(Ways{Force: true}, "n@fwd.test", "x@b.test"), "no:alias n@fwd.test leads in a circle"},
	{"dead end", "", alias(Ways{}, "n@fwd.test", "no@fwd.test"), "no:target no@fwd.test leads nowhere: fwd.test is hosted here"},
	{"dead end on the way", "", alias(Ways{Force: true}, "n@fwd.test", "no@fwd.test"), "added alias n@fwd.test"},
	{"disabled target", "UPDATE alias SET active = 0", alias(Ways{}, "n@fwd.test", "info@fwd.test"), "no:target info@fwd.test leads nowhere"},
	{"disabled domain", "", alias(Ways{}, "n@fwd.test", "x@off.test"), "no:target x@off.test: domain off.test is disabled here"},
	{"SRS", "", alias(Ways{Force: true}, "n@fwd.test", "x@SRS.test"), "no:target x@srs.test: srs.test is the domain of SRS addresses"},
	{"alias at the SRS domain", "", alias(Ways{Force: true}, "n@srs.test", "x@dest.test"), "no:alias n@srs.test: srs.test is the domain of SRS"},
	{"host", "", alias(Ways{Force: true}, "n@fwd.test", "x@mx.test"), "no:target x@mx.test: mx.test is this host"},
	{"postmaster of the host", "", alias(Ways{}, "n@fwd.test", "postmaster@mx.test"), "added alias"},
	{"operator", "", alias(Ways{}, "n@fwd.test", "postmaster@fwd.test"), "added alias"},
	{"reserved without a row", "", alias(Ways{}, "n@fwd.test", "admin@fwd.test"), "no:target admin@fwd.test leads nowhere"},
	{"not hosted", "", alias(Ways{}, "n@no.test", "x@dest.test"), "no:alias n@no.test: domain no.test is not hosted here"},
	{"not hosted yet", "", alias(Ways{Force: true}, "n@no.test", "x@dest.test"), "added alias n@no.test / domain no.test is not hosted while it has no active row"},
	{"at a disabled domain", "", alias(Ways{}, "n@off.test", "x@dest.test"), "added alias / domain off.test is not hosted while"},
	{"a handle comes first", "", alias(Ways{}, "Bob@fwd.test", "x@dest.test"), "no:alias bob@fwd.test would never be asked: handle bob answers before aliases"},
	{"an empty handle does not", "", alias(Ways{}, "nobody@fwd.test", "x@dest.test"), "added alias nobody@fwd.test"},
	{"a reserved name", "INSERT INTO alias_handle (handle, address) VALUES ('admin', 'x@dest.test')", alias(Ways{}, "admin@fwd.test", "x@dest.test"), "added alias admin@fwd.test"},
	{"route", "", alias(Ways{}, "a%b@fwd.test", "x@dest.test"), "bad:address \"a%b@fwd.test\": has % or ! in its name"},
	{"101 targets", "", alias(Ways{}, "n@fwd.test", many(101)...), "bad:more than 100 targets"},
	{"100 targets", "", alias(Ways{}, "n@fwd.test", many(100)...), "added alias"},
	{"200 in the end", "INSERT INTO alias (address, `goto`) VALUES ('m@fwd.test', '" + strings.Join(many(100), ",") + "')", alias(Ways{}, "n@fwd.test", "m@fwd.test", "x@dest.test"), "no:alias n@fwd.test leads to 101 addresses in the end"},

	{"handle", "", handle(Ways{}, "Carol", "carol@dest.test"), "added handle carol, which leads to carol@dest.test"},
	{"a handle there", "", handle(Ways{}, "BOB", "x@dest.test"), "no:handle bob exists already (#1) and leads to bob@dest.test"},
	{"a handle replaced", "", handle(Ways{Replace: true}, "bob", "x@dest.test"), "changed handle bob"},
	{"an empty handle replaced", "", handle(Ways{Replace: true}, "nobody", "x@dest.test"), "changed handle nobody, which leads to x@dest.test now and led to \"\""},
	{"reserved", "", handle(Ways{Force: true, Shadow: true}, "Admin", "x@dest.test"), "no:handle admin is reserved"},
	{"reserved and allowed", "", handle(Ways{}, "abuse", "x@dest.test"), "added handle abuse"},
	{"handle with an @", "", handle(Ways{}, "bob@fwd.test", "x@dest.test"), "bad:handle \"bob@fwd.test\": is an address"},
	{"handle named as a domain", "", handle(Ways{}, "fwd.test", "x@dest.test"), "no:handle fwd.test has the name of a domain"},
	{"shadow", "", handle(Ways{Force: true}, "info", "x@dest.test"), "no:handle info would answer in place of 1 alias: info@fwd.test"},
	{"shadow meant", "", handle(Ways{Shadow: true}, "info", "x@dest.test"), "added handle info / it answers in place of 1 alias: info@fwd.test"},
	{"_ is a letter", "INSERT INTO alias (address, `goto`) VALUES ('a-b@fwd.test', 'x@dest.test')", handle(Ways{}, "a_b", "x@dest.test"), "added handle a_b"},
	{"handle to itself", "", handle(Ways{Force: true}, "carol", "carol@b.test"), "no:target carol@b.test is the address itself"},
	{"handle to itself elsewhere", "", handle(Ways{}, "carol", "x@b.test", "carol@fwd.test"), "no:target carol@fwd.test is answered with itself"},
	{"circle through a handle", "INSERT INTO alias (address, `goto`) VALUES ('n@fwd.test', 'carol@b.test')", handle(Ways{Force: true}, "carol", "n@fwd.test"), "no:handle carol leads in a circle: n@fwd.test > carol@b.test > n@fwd.test"},
	{"two handles in a circle", "INSERT INTO alias_handle (handle, address) VALUES ('dave', 'carol@fwd.test')", handle(Ways{Force: true}, "carol", "dave@b.test"), "no:handle carol leads in a circle"},
	{"long handle", "", handle(Ways{}, strings.Repeat("x", 65), "x@dest.test"), "bad:handle"},
	{"handle of many", "", handle(Ways{}, "carol", many(30)...), "bad:the targets have 419 characters: a handle has room for 255"},

	{"domain", "", domain(Ways{}, "New.TEST."), "added domain new.test"},
	{"a domain there", "", domain(Ways{}, "fwd.test"), "no:domain fwd.test exists already (#1)"},
	{"a disabled domain there", "", domain(Ways{}, "off.test"), "no:domain off.test exists already, and is disabled (#3): 'postern domain enable off.test' switches it on"},
	{"below", "", domain(Ways{}, "sub.fwd.test"), "added domain sub.fwd.test / it lies below fwd.test"},
	{"SRS domain", "", domain(Ways{Force: true}, "srs.test"), "no:domain srs.test is the domain of SRS addresses"},
	{"host name", "", domain(Ways{Force: true}, "mx.test"), "no:domain mx.test is the name of this host"},
	{"public suffix", "", domain(Ways{}, "co.uk"), "no:domain co.uk is no one's"},
	{"public suffix meant", "", domain(Ways{Force: true}, "co.uk"), "added domain co.uk"},
	{"IDN", "", domain(Ways{}, "bücher.test"), "bad:domain \"bücher.test\": has letters beyond ASCII, and nothing here converts them: write xn--bcher-kva.test"},
	{"a destination", "", domain(Ways{}, "dest.test"), "no:domain dest.test: 3 aliases and handles lead to addresses there, which nothing here answers: info@fwd.test, @b.test, bob"},
	{"a destination meant", "", domain(Ways{Force: true}, "dest.test"), "added domain dest.test / 3 aliases and handles lead to addresses there"},
	{"a destination that is answered", "INSERT INTO alias (address, `goto`) VALUES ('@dest.test', 'x@far.test')", domain(Ways{}, "dest.test"), "no:domain dest.test: 1 alias or handle leads to addresses there, which nothing here answers: bob"},
	{"not a destination", "", domain(Ways{}, "est.test"), "added domain est.test"},

	{"sender", "", sender(Ways{}, "Alice", "Info2@b.test"), "added sender info2@b.test for alice"},
	{"a sender there", "", sender(Ways{}, "alice", "info@fwd.test"), "no:sender info@fwd.test for alice exists already (#1)"},
	{"another login", "INSERT INTO smtp_users (username, password, active) VALUES ('dave', 'x', 0)", sender(Ways{}, "dave", "info@fwd.test"), "added sender / user dave is disabled"},
	{"no such user", "", sender(Ways{}, "eve", "info@fwd.test"), "added sender / no user is called eve"},
	{"no way back", "", sender(Ways{}, "alice", "no@fwd.test"), "added sender / no alias or handle answers no@fwd.test"},
	{"all of a domain", "", sender(Ways{}, "alice", "@fwd.test"), "added sender @fwd.test for alice"},
	{"sender of others", "", sender(Ways{}, "alice", "x@dest.test"), "no:sender x@dest.test: domain dest.test is not hosted here"},
	{"sender of others meant", "", sender(Ways{Force: true}, "alice", "x@dest.test"), "added sender"},
	{"null sender", "", sender(Ways{}, "alice", "<>"), "bad:sender \"<>\""},
	{"two logins", "", sender(Ways{}, "a,b", "x@fwd.test"), "bad:login \"a,b\": has a comma"},

	{"enable", "UPDATE alias SET active = 0", enable(store.Aliases, "Info@fwd.test", ""), "enabled alias info@fwd.test (#1)"},
	{"enabled already", "", enable(store.Aliases, "info@fwd.test", ""), "no:alias info@fwd.test is enabled already (#1)"},
	{"enable a circle", "INSERT INTO alias (address, `goto`, active) VALUES ('r1@fwd.test', 'r2@fwd.test', 0), ('r2@fwd.test', 'r1@fwd.test', 1)", enable(store.Aliases, "r1@fwd.test", ""), "no:alias r1@fwd.test leads in a circle"},
	{"enable nothing", "UPDATE alias_handle SET active = 0", enable(store.Handles, "nobody", ""), "no:handle nobody leads nowhere, its target is \"\""},
	{"enable a reserved handle", "INSERT INTO alias_handle (handle, address, active) VALUES ('admin', 'x@dest.test', 0)", enable(store.Handles, "admin", ""), "no:handle admin is reserved"},
	{"enable an alias that a handle answers before", "INSERT INTO alias (address, `goto`, active) VALUES ('bob@fwd.test', 'x@dest.test', 0)", enable(store.Aliases, "bob@fwd.test", ""), "enabled alias bob@fwd.test / handle bob answers before it, and leads to bob@dest.test"},
	{"enable a handle before aliases", "INSERT INTO alias_handle (handle, address, active) VALUES ('info', 'x@dest.test', 0)", enable(store.Handles, "info", ""), "enabled handle info / it answers in place of 1 alias: info@fwd.test"},
	{"enable a domain", "", enable(store.Domains, "Off.test.", ""), "enabled domain off.test"},
	{"enable a destination", "INSERT INTO domain (name, active) VALUES ('dest.test', 0)", enable(store.Domains, "dest.test", ""), "enabled domain dest.test / 3 aliases and handles lead to addresses there, which nothing here answers: info@fwd.test, @b.test, bob"},
	{"enable what is not there", "", enable(store.Senders, "alice", "no@fwd.test"), "no:sender no@fwd.test for alice: no such row"},
	{"remove", "", remove(store.Aliases, "info@fwd.test", ""), "removed alias info@fwd.test, which led to boss@dest.test (#1) / bounces to it have nowhere to go"},
	{"remove a target", "INSERT INTO alias (address, `goto`) VALUES ('n@fwd.test', 'x@dest.test, Info@fwd.test')", remove(store.Aliases, "info@fwd.test", ""), "removed alias / 1 row leads to it: n@fwd.test"},
	{"remove a sender", "", remove(store.Senders, "Alice", "INFO@fwd.test"), "removed sender info@fwd.test for alice (#1)"},
	{"remove what is odd", "INSERT INTO alias (address, `goto`) VALUES ('two words', '')", remove(store.Aliases, "Two Words", ""), "removed alias \"two words\", which led to \"\""},
	{"remove what is not there", "", remove(store.Handles, "no", ""), "no:handle no: no such row: 'postern handle list' shows what there is"},
}

func many(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("n%02d@dest.test", i))
	}
	return list
}

func TestChanges(t *testing.T) {
	for _, tt := range changes {
		t.Run(tt.name, func(t *testing.T) {
			d, _ := host(t, split(tt.rows)...)
			done, err := tt.do(t.Context(), d)
			judge(t, tt.want, done, err)
		})
	}
}

func split(rows string) []string {
	if rows == "" {
		return nil
	}
	return []string{rows}
}

// judge compares what was done with a wish.
func judge(t *testing.T, want string, done Done, err error) {
	t.Helper()
	want, note, _ := strings.Cut(want, " / ")
	got := done.Text
	switch {
	case errors.As(err, new(*Refusal)):
		got = "no:" + err.Error()
	case errors.As(err, new(*Invalid)):
		got = "bad:" + err.Error()
	case err != nil:
		got = "trouble:" + err.Error()
	}
	if !strings.Contains(got, want) || strings.Contains(want, ":") && !strings.HasPrefix(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if notes := strings.Join(done.Notes, "\n"); err == nil && !strings.Contains(notes, note) || err == nil && note == "" && notes != "" {
		t.Errorf("notes %q, want %q", notes, note)
	}
}

func TestRemoveDomain(t *testing.T) {
	d, s := host(t, "INSERT INTO alias (address, `goto`) VALUES ('x@fwd.test', 'y@dest.test'), ('n@b.test', 'info@fwd.test'), ('x@notfwd.test', 'y@dest.test')")
	_, err := d.RemoveDomain(t.Context(), "fwd.test", Ways{})
	want := "domain fwd.test is in use by 2 aliases, 1 sender, 1 row elsewhere that leads to it: 'postern domain disable fwd.test' stops its mail and keeps them, --cascade removes the domain with its aliases and senders"
	if !errors.As(err, new(*Refusal)) || err.Error() != want {
		t.Fatalf("got  %v\nwant %s", err, want)
	}
	done, err := d.RemoveDomain(t.Context(), "FWD.test", Ways{Cascade: true})
	judge(t, "removed domain fwd.test (#1), with 2 aliases and 1 sender / 1 row elsewhere leads to it, and so out to its MX from now on: n@b.test", done, err)
	if fmt.Sprint(done.Rows) != "[{domain fwd.test} {smtp_sender_acl }]" {
		t.Errorf("daemons read %v", done.Rows)
	}
	var n int
	if err := s.DB().Get(&n, `SELECT count(*) FROM alias`); err != nil || n != 3 {
		t.Errorf("%d aliases, %v", n, err)
	}
	done, err = d.RemoveDomain(t.Context(), "off.test", Ways{})
	judge(t, "removed domain off.test (#3)", done, err)
}

func TestUsers(t *testing.T) {
	d, s := host(t)
	done, err := d.AddUser(t.Context(), "Eve", "{X}hash")
	judge(t, "added user eve (#2) / it may not send as anybody yet", done, err)
	_, err = d.AddUser(t.Context(), "eve", "{X}other")
	judge(t, "no:user eve exists already (#2): 'postern user password eve' changes its password", Done{}, err)
	for name, want := range map[string]string{
		"": "is empty", "a b": "blanks", "a,b": "comma", "häns": "Dovecot takes from no login", strings.Repeat("x", 321): "320 at most",
	} {
		if _, err := d.AddUser(t.Context(), name, "x"); !errors.As(err, new(*Invalid)) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v", name, err)
		}
	}
	if err := d.CheckVacant(t.Context(), "ALICE"); !errors.As(err, new(*Refusal)) {
		t.Error(err)
	}
	if err := d.CheckPresent(t.Context(), "mallory"); !errors.As(err, new(*Refusal)) {
		t.Error(err)
	}
	if err := errors.Join(d.CheckVacant(t.Context(), "mallory"), d.CheckPresent(t.Context(), "ALICE")); err != nil {
		t.Error(err)
	}
	done, err = d.SetPassword(t.Context(), "ALICE", "{X}new")
	judge(t, "changed the password of user alice (#1)", done, err)
	var hash string
	if err := s.DB().Get(&hash, `SELECT password FROM smtp_users WHERE username = 'alice'`); err != nil || hash != "{X}new" {
		t.Errorf("%q, %v", hash, err)
	}
	_, err = d.RemoveUser(t.Context(), "alice", Ways{})
	judge(t, "no:user alice may send as 1 sender: ", Done{}, err)
	done, err = d.RemoveUser(t.Context(), "alice", Ways{Cascade: true})
	judge(t, "removed user alice (#1), with 1 sender", done, err)
	if fmt.Sprint(done.Rows) != "[{smtp_sender_acl info@fwd.test}]" {
		t.Errorf("daemons read %v", done.Rows)
	}
}

// TestTwoAtOnce: of many that add one alias at the same moment one does, and
// two cannot close a circle together.
func TestTwoAtOnce(t *testing.T) {
	d, s := host(t)
	twoAtOnce(t, d, s)
}

func twoAtOnce(t *testing.T, d *Desk, s *store.Store) {
	t.Helper()
	errs := together(8, func(int) error {
		_, err := d.AddAlias(t.Context(), "same@fwd.test", []string{"x@dest.test"}, Ways{})
		return err
	})
	added := 0
	for _, err := range errs {
		if err == nil {
			added++
		} else if !errors.As(err, new(*Refusal)) || !strings.Contains(err.Error(), "exists already") {
			t.Error(err)
		}
	}
	var rows int
	if err := s.DB().Get(&rows, `SELECT count(*) FROM alias WHERE address = 'same@fwd.test'`); err != nil || rows != 1 || added != 1 {
		t.Errorf("%d added, %d rows, %v", added, rows, err)
	}
	ring := together(6, func(i int) error {
		_, err := d.AddAlias(t.Context(), fmt.Sprintf("ring%d@fwd.test", i), []string{fmt.Sprintf("ring%d@fwd.test", (i+1)%6)}, Ways{Force: true})
		return err
	})
	refused := 0
	for _, err := range ring {
		if err != nil {
			refused++
			if !strings.Contains(err.Error(), "leads in a circle") {
				t.Error(err)
			}
		}
	}
	if refused != 1 {
		t.Errorf("%d of 6 links of a circle were refused, want 1", refused)
	}
}

func together(n int, work func(int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = work(i) })
	}
	wg.Wait()
	return errs
}

func TestDeadDatabase(t *testing.T) {
	s, err := store.Open(store.Options{Driver: "mysql", Hosts: []string{"127.0.0.1:1"}, Name: "x"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	d := New(s, Options{})
	for name, do := range map[string]change{
		"alias": alias(Ways{}, "a@fwd.test", "b@dest.test"), "domain": domain(Ways{}, "a.test"),
		"handle": handle(Ways{}, "a", "b@dest.test"), "sender": sender(Ways{}, "a", "b@fwd.test"),
		"enable": enable(store.Aliases, "a@fwd.test", ""), "remove": remove(store.Aliases, "a@fwd.test", ""),
	} {
		_, err := do(t.Context(), d)
		if err == nil || err.Error() != "database: host 127.0.0.1:1: connection refused" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNoTable: what the database cannot do is no rule.
func TestNoTable(t *testing.T) {
	d, _ := host(t, "DROP TABLE alias_handle")
	_, err := alias(Ways{}, "n@fwd.test", "x@dest.test")(t.Context(), d)
	if err == nil || errors.As(err, new(*Refusal)) || !store.MissingTable(err) {
		t.Errorf("got %v", err)
	}
}

// TestCircle: the circle that a row would close is told before it is on.
func TestCircle(t *testing.T) {
	d, s := host(t,
		"INSERT INTO alias (address, `goto`, active) VALUES ('a@fwd.test', 'b@fwd.test', 0), ('b@fwd.test', 'a@fwd.test', 1), ('@fwd.test', '@b.test', 1)",
		`INSERT INTO alias_handle (handle, address, active) VALUES ('dave', 'carol@fwd.test', 1)`)
	for _, tt := range []struct{ table, key, value, want string }{
		{store.Aliases, "A@fwd.test", "B@fwd.test", "a@fwd.test > b@fwd.test > a@fwd.test"},
		{store.Aliases, "a@fwd.test", "x@dest.test, b@fwd.test", "a@fwd.test > b@fwd.test > a@fwd.test"},
		{store.Aliases, "@b.test", "@fwd.test", "@b.test > @fwd.test > @b.test"},
		{store.Handles, "carol", "dave@b.test", "dave@b.test > carol@fwd.test > dave@b.test"},
		{store.Aliases, "a@fwd.test", "x@dest.test", ""},
		{store.Aliases, "a@fwd.test", "", ""},
		{store.Aliases, "a@fwd.test", "@b.test", ""},
		{store.Handles, "bob", "bob@dest.test", ""},
		{store.Users, "a@fwd.test", "b@fwd.test", ""},
	} {
		err := s.Edit(t.Context(), func(ctx context.Context, e *store.Edit) error {
			got, err := d.Circle(ctx, e, tt.table, store.Entry{Key: tt.key, Value: tt.value})
			if got != tt.want && (tt.want == "" || !strings.HasPrefix(got, tt.want)) {
				t.Errorf("%s %s leads to %q in the circle %q, want %q", tt.table, tt.key, tt.value, got, tt.want)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s %s: %v", tt.table, tt.key, err)
		}
	}
}
