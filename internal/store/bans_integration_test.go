//go:build integration

package store

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

// TestMariaDBBans runs on a server whose defaults are against it: a time zone,
// and an isolation that does not lock where no row is.
func TestMariaDBBans(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{ExtraArgs: []string{
		"--default-time-zone=+05:00", "--transaction-isolation=READ-COMMITTED",
	}})
	for _, tt := range banTests {
		t.Run(tt.name, func(t *testing.T) {
			s := openStore(t, optionsOf(m))
			mustExec(t, s, `TRUNCATE api_bans`)
			tt.run(t, s)
		})
	}
}

// TestMariaDBBansAgainstOthers: another program, which knows of no turns, adds
// the same ban in the same moment. The locks of the rows decide.
func TestMariaDBBansAgainstOthers(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{})
	o := optionsOf(m)
	s := openStore(t, o)
	t.Run("it commits", func(t *testing.T) {
		tx, err := openStore(t, o).DB().BeginTxx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(`INSERT INTO api_bans (ban_type, ban_value) VALUES ('domain', 'x.test')`); err != nil {
			t.Fatal(err)
		}
		added := make(chan error)
		go func() {
			_, _, err := bansOf(s).Add(t.Context(), domainBan("x.test"), false)
			added <- err
		}()
		awaitWaiting(t, openStore(t, o))
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := <-added; !errors.Is(err, ErrBanned) {
			t.Error(err)
		}
		if n := rowsOf(t, s, "ban_value = 'x.test'"); n != 1 {
			t.Errorf("%d rows", n)
		}
	})
	t.Run("it never ends", func(t *testing.T) {
		o := o
		o.StatementTimeout = time.Second
		tx, err := openStore(t, optionsOf(m)).DB().BeginTxx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		if _, err := tx.Exec(`INSERT INTO api_bans (ban_type, ban_value) VALUES ('domain', 'y.test')`); err != nil {
			t.Fatal(err)
		}
		_, _, err = bansOf(openStore(t, o)).Add(t.Context(), domainBan("y.test"), false)
		if err == nil || !strings.HasPrefix(err.Error(), "add: database: error 1969") {
			t.Errorf("got %v", err)
		}
	})
}

// awaitWaiting returns when a transaction waits for a lock.
func awaitWaiting(t *testing.T, s *Store) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		var n int
		if err := s.DB().GetContext(t.Context(), &n, `SELECT count(*) FROM information_schema.PROCESSLIST
			WHERE INFO LIKE '%FROM api_bans%FOR UPDATE%' AND ID <> CONNECTION_ID() AND TIME_MS > 20`); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
	}
	t.Error("nobody waits for a lock")
}

// TestMariaDBDeadlock: who is chosen as the victim of a deadlock begins again.
func TestMariaDBDeadlock(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{})
	s, other := openStore(t, optionsOf(m)), openStore(t, optionsOf(m))
	mustExec(t, s, `INSERT INTO api_bans (ban_type, ban_value) VALUES ('domain', 'a.test'), ('domain', 'b.test')`)
	lock := func(tx *sqlx.Tx, value string) error {
		_, err := tx.Exec(`UPDATE api_bans SET reason = 'x' WHERE ban_type = 'domain' AND ban_value = ?`, value)
		return err
	}
	tx, err := other.DB().BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	// More work done makes it the survivor.
	if _, err := tx.Exec(`INSERT INTO api_logs (route, body) SELECT 'x', 'y' FROM seq_1_to_1000`); err != nil {
		t.Logf("the other transaction is no heavier: %v", err)
	}
	if err := lock(tx, "a.test"); err != nil {
		t.Fatal(err)
	}
	attempts := 0
	crossed := make(chan error, 1)
	err = s.change(t.Context(), writerTurn{name: banLock}, func(ctx context.Context, mine *sqlx.Tx) error {
		attempts++
		if attempts == 1 {
			if err := lock(mine, "b.test"); err != nil {
				return err
			}
			go func() {
				err := lock(tx, "b.test") // waits for us
				if err == nil {
					err = tx.Commit()
				}
				crossed <- err
			}()
		}
		return lock(mine, "a.test") // waits for the other one
	})
	if err := <-crossed; err != nil {
		t.Errorf("the other one: %v", err)
	}
	if err != nil || attempts != 2 {
		t.Errorf("%d attempts, %v", attempts, err)
	}
}

// TestMariaDBWriter: changes go to the first host that takes them.
func TestMariaDBWriter(t *testing.T) {
	primary, replica := scratchtest.Database(t, scratch.MariaDBOptions{}), scratchtest.Database(t, scratch.MariaDBOptions{})
	if err := replica.Exec(t.Context(), "SET GLOBAL read_only = ON"); err != nil {
		t.Fatal(err)
	}
	const dead = "127.0.0.1:1"
	tests := []struct {
		name  string
		hosts []string
		want  string // in the error; "": it works
	}{
		{"replica first", []string{replica.Addr(), primary.Addr()}, ""},
		{"dead host first", []string{dead, replica.Addr(), "unix:" + primary.Socket()}, ""},
		{"replica only", []string{replica.Addr()}, "add: database: host " + replica.Addr() + ": is read-only, as a replica is"},
		{"nobody", []string{dead, replica.Addr()}, "add: database: host 127.0.0.1:1: connection refused; host " + replica.Addr() + ": is read-only"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := optionsOf(primary)
			o.Hosts = tt.hosts
			target := strings.ReplaceAll(tt.name, " ", "-") + ".test"
			_, _, err := bansOf(openStore(t, o)).Add(t.Context(), domainBan(target), false)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want …%s…", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if n := rowsOf(t, openStore(t, optionsOf(primary)), "ban_value = '"+target+"'"); n != 1 {
				t.Errorf("%d rows on the primary", n)
			}
		})
	}
}

// TestMariaDBBanRights: a user who may only read, as the daemons', is told.
func TestMariaDBBanRights(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{})
	s := openStore(t, optionsOf(m))
	ban := mustAdd(t, bansOf(s), domainBan("x.test"))
	grants := []struct{ name, right, want string }{
		{"reader", "SELECT", "INSERT command denied"},
		{"adder", "SELECT, INSERT", ""},
	}
	for _, g := range grants {
		t.Run(g.name, func(t *testing.T) {
			err := m.Exec(t.Context(), "CREATE USER "+g.name+" IDENTIFIED BY 'x'; GRANT "+g.right+" ON postern.api_bans TO "+g.name)
			if err != nil {
				t.Fatal(err)
			}
			o := optionsOf(m)
			o.User, o.Password = g.name, "x"
			b := bansOf(openStore(t, o))
			_, _, err = b.Add(t.Context(), domainBan(g.name+".test"), false)
			switch {
			case g.want == "" && err != nil:
				t.Error(err)
			case g.want != "" && (!MissingRight(err) || !strings.Contains(err.Error(), "add: database: error 1142 (42000): "+g.want)):
				t.Errorf("add: %v", err)
			}
			if _, err := b.Revoke(t.Context(), ban.BanTarget, ""); !MissingRight(err) || !strings.Contains(err.Error(), "UPDATE command denied") {
				t.Errorf("revoke: %v", err)
			}
			if list, err := b.List(t.Context(), "", false); err != nil || len(list) == 0 {
				t.Errorf("list: %v, %v", list, err)
			}
		})
	}
}

// TestMariaDBBanOutage: a server that is gone, and one that hangs.
func TestMariaDBBanOutage(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{})
	o := optionsOf(m)
	o.ConnectTimeout = time.Second
	b := bansOf(openStore(t, o))
	if err := m.Pause(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Add(t.Context(), domainBan("x.test"), false); err == nil || !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("hangs: %v", err)
	}
	if err := m.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := m.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Revoke(t.Context(), BanTarget{"domain", "x.test"}, ""); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("gone: %v", err)
	}
	if err := m.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustAdd(t, b, domainBan("x.test"))
}
