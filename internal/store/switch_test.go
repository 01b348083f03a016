package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// switchTests are what switching rows does on every database.
var switchTests = []struct {
	name string
	run  func(t *testing.T, s *Store)
}{
	{"off and on", testSwitch},
	{"changed since", testSwitchChanged},
	{"something against it", testSwitchAgainst},
	{"all or nothing", testSwitchAll},
}

func TestSwitch(t *testing.T) {
	for _, tt := range switchTests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, newSQLite(t)) })
	}
}

// fillSwitches writes a login with two senders, and what is not it.
func fillSwitches(t *testing.T, s *Store) {
	t.Helper()
	mustExec(t, s, `INSERT INTO smtp_users (id, username, password, active) VALUES (1, 'Alice', 'x', 1), (2, 'bob', 'x', 1)`)
	mustExec(t, s, `INSERT INTO smtp_sender_acl (id, login, sender, active) VALUES
		(1, 'alice', 'a@x.test', 1), (2, 'alice', 'b@x.test', 0), (3, 'alicé', 'c@x.test', 1), (4, 'ALICE', 'd@x.test', 1)`)
	mustExec(t, s, "INSERT INTO alias (id, address, `goto`, active) VALUES (1, 'info@x.test', 'a@far.test', 1), (2, 'off@x.test', 'a@far.test', 0)")
	mustExec(t, s, `INSERT INTO alias_handle (id, handle, address, active) VALUES (1, 'info', 'info@x.test', 1), (2, 'none', NULL, 1)`)
}

var alice = []SwitchKey{{"smtp_users", "alice"}, {"smtp_sender_acl", "alice"}}

// states are the rows of a table: "1 0 1" by their numbers.
func states(t *testing.T, s *Store, table string) string {
	t.Helper()
	var all []int
	if err := s.DB().Select(&all, "SELECT active FROM "+table+" ORDER BY id"); err != nil {
		t.Fatal(err)
	}
	return strings.Trim(fmt.Sprint(all), "[]")
}

func testSwitch(t *testing.T, s *Store) {
	fillSwitches(t, s)
	off, err := s.SwitchOff(t.Context(), alice...)
	if err != nil || len(off) != 3 {
		t.Fatalf("off: %+v, %v", off, err)
	}
	if users, acl := states(t, s, "smtp_users"), states(t, s, "smtp_sender_acl"); users != "0 1" || acl != "0 0 1 0" {
		t.Errorf("users %s, senders %s", users, acl)
	}
	if got := loadAll(t, s, "smtp_sender_acl"); len(got) != 1 {
		t.Errorf("the daemons read %v", got)
	}
	again, err := s.SwitchOff(t.Context(), alice...)
	if err != nil || len(again) != 0 {
		t.Errorf("again: %+v, %v", again, err)
	}
	more, err := s.SwitchOff(t.Context(), SwitchKey{"alias", "INFO@x.test"}, SwitchKey{"alias", "off@x.test"}, SwitchKey{"alias_handle", "none"}, SwitchKey{"alias", "nobody@x.test"})
	if err != nil || len(more) != 2 || more[0].Value != "a@far.test" || more[1].Value != "" {
		t.Fatalf("aliases: %+v, %v", more, err)
	}
	on, kept, err := s.SwitchOn(t.Context(), append(off, more...), nil)
	if err != nil || len(on) != 5 || len(kept) != 0 {
		t.Fatalf("on: %+v, kept %+v, %v", on, kept, err)
	}
	for table, want := range map[string]string{"smtp_users": "1 1", "smtp_sender_acl": "1 0 1 1", "alias": "1 0", "alias_handle": "1 1"} {
		if got := states(t, s, table); got != want {
			t.Errorf("%s: %s, want %s", table, got, want)
		}
	}
	rows, err := s.SwitchRows(t.Context(), SwitchKey{"smtp_sender_acl", "aLice"})
	if err != nil || len(rows) != 3 || rows[1].Active || !rows[2].Active || rows[2].Value != "d@x.test" {
		t.Errorf("rows: %+v, %v", rows, err)
	}
}

func testSwitchChanged(t *testing.T, s *Store) {
	tests := []struct{ name, change, why string }{
		{"gone", `DELETE FROM alias WHERE id = 1`, "the row is gone"},
		{"leads elsewhere", "UPDATE alias SET `goto` = 'b@far.test' WHERE id = 1", `it leads to "b@far.test" now, and led to "a@far.test"`},
		{"another name", `UPDATE alias SET address = 'other@x.test' WHERE id = 1`, `it belongs to "other@x.test" now`},
		{"on", `UPDATE alias SET active = 1 WHERE id = 1`, "it is active already"},
		{"on and off", `UPDATE alias SET modified = '2020-01-01 00:00:00' WHERE id = 1`, "it was changed since"},
	}
	fillSwitches(t, s)
	for _, tt := range tests {
		mustExec(t, s, `DELETE FROM alias`)
		mustExec(t, s, "INSERT INTO alias (id, address, `goto`, active) VALUES (1, 'info@x.test', 'a@far.test', 1)")
		off, err := s.SwitchOff(t.Context(), SwitchKey{"alias", "info@x.test"}, SwitchKey{"alias_handle", "info"})
		if err != nil || len(off) != 2 {
			t.Fatalf("%s: %+v, %v", tt.name, off, err)
		}
		mustExec(t, s, tt.change)
		on, kept, err := s.SwitchOn(t.Context(), off, nil)
		if err != nil || len(kept) != 1 || kept[0].Why != tt.why || len(on) != 1 || on[0].Table != "alias_handle" {
			t.Errorf("%s: on %+v, kept %+v, %v, want %s", tt.name, on, kept, err, tt.why)
		}
	}
}

// testSwitchAgainst: a row that something stands against stays off, which is
// asked of the tables as they are with those before it on.
func testSwitchAgainst(t *testing.T, s *Store) {
	fillSwitches(t, s)
	off, err := s.SwitchOff(t.Context(), SwitchKey{"alias", "info@x.test"}, SwitchKey{"alias_handle", "info"})
	if err != nil || len(off) != 2 {
		t.Fatalf("%+v, %v", off, err)
	}
	on, kept, err := s.SwitchOn(t.Context(), off, func(ctx context.Context, e *Edit, row SwitchRow) (string, error) {
		if row.Table == "alias" {
			return "", nil
		}
		values, err := e.Values(ctx, Aliases, "info@x.test")
		return fmt.Sprintf("the alias leads to %s", values), err
	})
	if err != nil || len(on) != 1 || len(kept) != 1 || kept[0].Table != "alias_handle" || kept[0].Why != "the alias leads to [a@far.test]" {
		t.Errorf("on %+v, kept %+v, %v", on, kept, err)
	}
	broken := errors.New("broken")
	if on, _, err := s.SwitchOn(t.Context(), []SwitchRow{kept[0].SwitchRow}, func(context.Context, *Edit, SwitchRow) (string, error) { return "", broken }); err == nil || len(on) != 0 {
		t.Errorf("it could not be asked, and is on: %+v, %v", on, err)
	}
	if got := states(t, s, "alias_handle"); got != "0 1" {
		t.Errorf("handles: %s", got)
	}
}

// testSwitchAll: a table that does not take it leaves all as it was.
func testSwitchAll(t *testing.T, s *Store) {
	fillSwitches(t, s)
	mustExec(t, s, `DROP TABLE alias_handle`)
	if off, err := s.SwitchOff(t.Context(), append(alice, SwitchKey{"alias_handle", "info"})...); err == nil || off != nil {
		t.Fatalf("off: %+v, %v", off, err)
	}
	if users, acl := states(t, s, "smtp_users"), states(t, s, "smtp_sender_acl"); users != "1 1" || acl != "1 0 1 1" {
		t.Errorf("users %s, senders %s", users, acl)
	}
}
