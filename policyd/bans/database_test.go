package bans

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/store"
	"postern/internal/table"
)

// followed is table api_bans of a database, kept right until the test ends or
// stop is called.
type followed struct {
	*table.Table
	keeper *table.Keeper
	stop   func()
}

func follow(t *testing.T, s *store.Store, feed table.Feed, dir string) *followed {
	t.Helper()
	rows, err := s.Rows("api_bans")
	if err != nil {
		t.Fatal(err)
	}
	f := &followed{Table: table.New("api_bans", rows, table.StandardPolicy("api_bans"))}
	f.keeper = table.NewKeeper(table.Options{StateDir: dir, Identity: s.Identity()}, feed, f.Table)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { f.keeper.Run(ctx) })
	f.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(f.stop)
	return f
}

// TestRowsOfAnotherProgram: without a change feed, what another connection to
// the database writes acts within five seconds.
func TestRowsOfAnotherProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "postern.db")
	if err := store.InitSQLite(path); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(store.Options{Driver: "sqlite", Path: path}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		other, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		write := func(statement string, args ...any) {
			t.Helper()
			if _, err := other.Exec(statement, args...); err != nil {
				t.Fatal(err)
			}
		}
		dir := t.TempDir()
		f := follow(t, s, nil, dir)
		defer f.stop()
		time.Sleep(time.Second)
		c := newCheck(t, f, func(o *Options) { o.Now = time.Now })
		q := request(t, "sender=Bad@Spam.Example client_address=192.0.2.7")
		expect := func(when, want string) {
			t.Helper()
			if got := judged(t, c, q); got != want {
				t.Errorf("%s: %s, want %s", when, got, want)
			}
		}
		expect("an empty table", "dunno")
		write(`INSERT INTO api_bans (ban_type, ban_value, reason) VALUES ('domain', ' SPAM.Example.', 'mail nobody asked for')`)
		time.Sleep(5 * time.Second)
		expect("banned", "sender_domain: 554 5.7.1 Sender banned: mail nobody asked for")

		write(`UPDATE api_bans SET reason = NULL`)
		time.Sleep(5 * time.Second)
		expect("no reason any more", "sender_domain: 554 5.7.1 Sender banned")

		end := time.Now().Add(time.Minute)
		write(`INSERT INTO api_bans (ban_type, ban_value, reason, expires_at) VALUES ('ip', '192.0.2.0/24', 'for a minute', ?)`,
			end.UTC().Format("2006-01-02 15:04:05.000000"))
		time.Sleep(5 * time.Second)
		expect("a network", "client_ip: 554 5.7.1 Client banned: for a minute")
		write(`UPDATE api_bans SET revoked_at = ? WHERE ban_type = 'domain'`, time.Now().UTC().Format(time.DateTime))
		time.Sleep(time.Until(end) - time.Microsecond)
		expect("before its end", "client_ip: 554 5.7.1 Client banned: for a minute")
		time.Sleep(time.Microsecond)
		expect("at its end, the other revoked", "dunno")

		write(`INSERT INTO api_bans (ban_type, ban_value, reason) VALUES ('ip', '::ffff:192.0.2.7', 'again')`)
		if err := f.keeper.Flush(t.Context(), "api_bans", "ip:::ffff:192.0.2.7"); err != nil {
			t.Fatal(err)
		}
		expect("at once after a flush", "client_ip: 554 5.7.1 Client banned: again")

		write(`ALTER TABLE api_bans RENAME TO gone`) // as good as away
		time.Sleep(10 * time.Minute)
		expect("the database away for ten minutes", "client_ip: 554 5.7.1 Client banned: again")
		f.stop()

		again := follow(t, s, nil, dir) // a restart meanwhile
		defer again.stop()
		synctest.Wait()
		c = newCheck(t, again, func(o *Options) { o.Now = time.Now })
		expect("from the disk copy", "client_ip: 554 5.7.1 Client banned: again")
	})
}

// TestManyRevocations: a mass of revocations waits for a second reading, and
// bans that were added meanwhile are not lost.
func TestManyRevocations(t *testing.T) {
	path := filepath.Join(t.TempDir(), "postern.db")
	if err := store.InitSQLite(path); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(store.Options{Driver: "sqlite", Path: path}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for i := range 100 {
			if _, err := s.DB().Exec(`INSERT INTO api_bans (ban_type, ban_value) VALUES ('ip', ?)`, fmt.Sprint("192.0.2.", i)); err != nil {
				t.Fatal(err)
			}
		}
		f := follow(t, s, nil, t.TempDir())
		defer f.stop()
		time.Sleep(time.Second)
		c := newCheck(t, f, func(o *Options) { o.Now = time.Now })
		banned := func() (n int) {
			for i := range 100 {
				if judged(t, c, request(t, fmt.Sprint("client_address=192.0.2.", i))) != "dunno" {
					n++
				}
			}
			return n
		}
		for _, step := range []struct {
			revoke string
			wait   time.Duration
			want   int
		}{
			{"id <= 0", 0, 100},
			{"id <= 10", 5 * time.Second, 90},
			{"id <= 60", 5 * time.Second, 90},
			{"id <= 60", 20 * time.Second, 90},
			{"id <= 61", 15 * time.Second, 39},
			{"id <= 100", 5 * time.Second, 39},
			{"id <= 100", 40 * time.Second, 0},
		} {
			if _, err := s.DB().Exec(`UPDATE api_bans SET revoked_at = '2026-01-01' WHERE ` + step.revoke); err != nil {
				t.Fatal(err)
			}
			time.Sleep(step.wait)
			if got := banned(); got != step.want {
				t.Errorf("%s, %v later: %d banned, want %d", step.revoke, step.wait, got, step.want)
			}
		}
	})
}
