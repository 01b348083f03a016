package table

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/lookup"
)

// aged is a table whose rows were last known to be current so long ago.
func aged(t *testing.T, db *fakeDB, name string, age time.Duration) *Table {
	tb := New(name, db.source(name), StandardPolicy(name))
	rows := model{}
	db.with(func() {
		for k, v := range db.tables[name] {
			rows[k] = v
		}
	})
	loaded(t, tb, rows)
	time.Sleep(age)
	return tb
}

// TestAnswersByAge is the table of what may be answered from memory: per
// table, age and state of the database.
func TestAnswersByAge(t *testing.T) {
	const (
		yes    = "found"
		no     = "not found"
		unsure = "unsure"
		temp   = "error"
	)
	const day = 24 * time.Hour
	tests := []struct {
		table  string
		age    time.Duration
		dead   bool
		hit    string // for a key that is held
		miss   string // for one that is not, nor in the database
		fresh  string // the same, asked once more with lookup.WithFresh
		newRow string // fresh, for one that is not held but in the database
	}{
		{"domain", 0, false, yes, no, no, no},
		{"domain", 400 * day, true, yes, no, no, no},
		{"api_bans", 400 * day, true, yes, no, no, no},
		{"alias", time.Second, false, yes, no, no, no},
		{"alias", time.Second + 1, false, yes, unsure, no, yes},
		{"alias", time.Second, true, yes, no, no, no},
		{"alias", 2 * time.Second, true, yes, unsure, no, no},
		{"alias", time.Minute, true, yes, unsure, no, no},
		{"alias", time.Minute + 1, true, yes, unsure, unsure, unsure},
		{"alias", day, true, yes, unsure, unsure, unsure},
		{"alias", day + 1, true, temp, unsure, unsure, unsure},
		{"alias", day + 1, false, yes, unsure, no, yes},
		{"alias_handle", day, true, yes, unsure, unsure, unsure},
		{"alias_handle", day + 1, true, temp, unsure, unsure, unsure},
		{"smtp_sender_acl", 15 * time.Minute, true, yes, unsure, unsure, unsure},
		{"smtp_sender_acl", 15*time.Minute + 1, true, temp, unsure, unsure, unsure},
		{"smtp_sender_acl", 15*time.Minute + 1, false, yes, unsure, no, yes},
		{"smtp_sender_acl", 30 * time.Second, true, yes, unsure, no, no},
	}
	for _, test := range tests {
		name := fmt.Sprintf("%s/%v/dead=%v", test.table, test.age, test.dead)
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := newFakeDB()
				db.set(test.table, "held", "value")
				tb := aged(t, db, test.table, test.age)
				db.set(test.table, "new", "value")
				if test.dead {
					db.fail(errDown)
				}
				ask := func(what, key, want string, ctx context.Context) {
					t.Helper()
					_, values, err := outcome(ctx, tb, key)
					got, _, _ := outcome(ctx, tb, key)
					if got != want {
						t.Errorf("%s: %s (%q, %v), want %s", what, got, values, err, want)
					}
				}
				ctx := t.Context()
				ask("held", "held", test.hit, ctx)
				ask("miss", "nobody", test.miss, ctx)
				ask("fresh miss", "nobody", test.fresh, lookup.WithFresh(ctx))
				ask("fresh new row", "new", test.newRow, lookup.WithFresh(ctx))
				if test.table == "domain" && db.gets.Load() > 0 {
					t.Error("the database was asked for a domain")
				}
			})
		})
	}
}

// outcome asks by Value and by Values, which must agree.
func outcome(ctx context.Context, tb *Table, key string) (string, []string, error) {
	values, err := tb.Values(ctx, key)
	v, found, err2 := tb.Value(ctx, key)
	if found != (len(values) > 0) || found && v != values[0] || (err == nil) != (err2 == nil) {
		return fmt.Sprintf("Value says %q, %v, %v, and Values %q, %v", v, found, err2, values, err), values, err
	}
	switch {
	case lookup.IsUnsure(err):
		return "unsure", values, err
	case err != nil:
		return "error", values, err
	case found:
		return "found", values, err
	}
	return "not found", values, err
}

func TestNothingHeldYet(t *testing.T) {
	for _, name := range []string{"domain", "alias", "api_bans"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := newFakeDB()
				db.set(name, "there", "one", "two")
				tb := New(name, db.source(name), StandardPolicy(name))
				if got, values, err := outcome(t.Context(), tb, "there"); got != "found" || len(values) != 2 {
					t.Errorf("a row: %s, %q, %v", got, values, err)
				}
				if got, _, err := outcome(t.Context(), tb, "nobody"); got != "not found" {
					t.Errorf("no row: %s, %v", got, err)
				}
				time.Sleep(2 * time.Second)
				db.fail(errDown)
				for _, key := range []string{"there", "nobody"} {
					_, _, err := outcome(t.Context(), tb, key)
					if !errors.Is(err, errDown) || lookup.IsPermanent(err) {
						t.Errorf("dead database: %v", err)
					} else if want := "table " + name + ": not loaded yet: "; !strings.HasPrefix(err.Error(), want) {
						t.Errorf("error %q does not begin with %q", err, want)
					}
				}
			})
		})
	}
}

func TestJustCreatedIsKeptAfterOneQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newFakeDB()
		tb := aged(t, db, "alias", 10*time.Second)
		db.set("alias", "new@example.org", "me@example.net")
		fresh := lookup.WithFresh(t.Context())
		if got, _, err := outcome(fresh, tb, "new@example.org"); got != "found" {
			t.Fatal(got, err)
		}
		db.fail(errDown)
		if got, _, err := outcome(t.Context(), tb, "new@example.org"); got != "found" {
			t.Errorf("asked again: %s, %v", got, err)
		}
		if n := db.gets.Load(); n != 1 {
			t.Errorf("the database was asked %d times", n)
		}
	})
}

func TestTraceSaysWhereAnAnswerComesFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newFakeDB()
		db.set("alias", "held", "one", "two")
		tb := aged(t, db, "alias", 10*time.Second)
		var steps []string
		ctx := lookup.WithTrace(t.Context(), func(s lookup.Step) {
			steps = append(steps, fmt.Sprintf("%s %s from %s: %q found=%v rows=%d age=%v err=%v %s",
				s.Map, s.Key, s.Source, s.Value, s.Found, s.Rows, s.Age, s.Err, s.Note))
		})
		tb.Values(ctx, "held")
		tb.Values(ctx, "nobody")
		tb.Values(lookup.WithFresh(ctx), "nobody")
		tb.Values(ctx, "nobody")
		want := []string{
			`alias held from memory: "one, two" found=true rows=2 age=10s err=<nil> `,
			`alias nobody from memory: "" found=false rows=0 age=10s err=not found as of the last answer: table alias: last read 10s ago `,
			`alias nobody from database: "" found=false rows=0 age=0s err=<nil> `,
			`alias nobody from memory: "" found=false rows=0 age=10s err=<nil> the database said so within a second`,
		}
		if got := strings.Join(steps, "\n"); got != strings.Join(want, "\n") {
			t.Errorf("steps:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
		}
	})
}
