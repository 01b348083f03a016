//go:build integration

package admin

import (
	"context"
	"errors"
	"strings"
	"testing"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
	"postern/internal/store"
)

func open(t *testing.T, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func optionsOf(m *scratch.MariaDB, more ...string) store.Options {
	return store.Options{Driver: "mysql", Hosts: append(more, m.Addr()), Name: m.Database(), User: m.User(), Password: m.Password(), MaxConnections: 8}
}

// TestMariaDB makes every change on the real schema.
func TestMariaDB(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{})
	s := open(t, optionsOf(m))
	empty := func(t *testing.T) {
		t.Helper()
		for _, table := range []string{"domain", "alias", "alias_handle", "smtp_sender_acl", "smtp_users"} {
			if _, err := s.Exec(t.Context(), "TRUNCATE "+table); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range changes {
		t.Run(tt.name, func(t *testing.T) {
			empty(t)
			done, err := tt.do(t.Context(), fill(t, s, split(tt.rows)...))
			judge(t, tt.want, done, err)
		})
	}
	t.Run("two at once", func(t *testing.T) {
		empty(t)
		twoAtOnce(t, fill(t, s), s)
	})
	t.Run("what the collation takes for one", func(t *testing.T) {
		empty(t)
		d := fill(t, s, "INSERT INTO alias (address, `goto`) VALUES ('jose@fwd.test', 'x@dest.test')")
		_, err := d.AddAlias(t.Context(), "josé@fwd.test", []string{"x@dest.test"}, Ways{})
		judge(t, "no:alias josé@fwd.test: alias jose@fwd.test exists (#3), and the database's collation takes the two for one", Done{}, err)
		_, err = d.Remove(t.Context(), store.Aliases, RowOf(store.Aliases, "josé@fwd.test", ""))
		judge(t, "no:alias josé@fwd.test: no such row; there is alias jose@fwd.test", Done{}, err)
	})
	t.Run("another program was faster", func(t *testing.T) {
		empty(t)
		d := fill(t, s)
		first := true
		err := s.Edit(t.Context(), func(ctx context.Context, e *store.Edit) error {
			if first {
				first = false
				if _, err := e.Values(ctx, store.Aliases, "n@fwd.test"); err != nil { // the snapshot begins
					return err
				}
				if _, err := s.Exec(ctx, "INSERT INTO alias (address, `goto`) VALUES ('n@fwd.test', 'y@dest.test')"); err != nil {
					return err
				}
				_, err := e.Insert(ctx, store.Aliases, store.Entry{Key: "n@fwd.test", Value: "x@dest.test", Active: true})
				return err
			}
			return vacant(ctx, e, store.Aliases, store.Entry{Key: "n@fwd.test"})
		})
		if !errors.As(err, new(*Refusal)) || !strings.Contains(err.Error(), "exists already") {
			t.Errorf("got %v", err)
		}
		_ = d
	})
}

// TestMariaDBHosts: changes go to the first host that takes them, and a user
// without rights is told so.
func TestMariaDBHosts(t *testing.T) {
	primary, replica := scratchtest.Database(t, scratch.MariaDBOptions{}), scratchtest.Database(t, scratch.MariaDBOptions{})
	for m, script := range map[*scratch.MariaDB]string{
		primary: "INSERT INTO domain (name) VALUES ('fwd.test'); CREATE USER reader IDENTIFIED BY 'secret'; GRANT SELECT ON postern.* TO reader",
		replica: "SET GLOBAL read_only = ON",
	} {
		if err := m.Exec(t.Context(), script); err != nil {
			t.Fatal(err)
		}
	}
	add := func(o store.Options, address string) error {
		_, err := New(open(t, o), Options{}).AddAlias(t.Context(), address, []string{"x@dest.test"}, Ways{})
		return err
	}
	if err := add(optionsOf(primary, "127.0.0.1:1", replica.Addr()), "a@fwd.test"); err != nil {
		t.Error(err)
	}
	if err := add(optionsOf(replica), "b@fwd.test"); err == nil || !strings.HasSuffix(err.Error(), "is read-only, as a replica is") {
		t.Error(err)
	}
	o := optionsOf(primary)
	o.User, o.Password = "reader", "secret"
	if err := add(o, "b@fwd.test"); !store.MissingRight(err) {
		t.Error(err)
	}
}
