//go:build integration

package bans

import (
	"context"
	"fmt"
	"testing"
	"time"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
	"postern/internal/store"
	"postern/internal/table"
)

// withSchema starts a MariaDB with all tables, the change feed included.
func withSchema(t *testing.T) (*scratch.MariaDB, *store.Store) {
	t.Helper()
	m := scratchtest.Database(t, scratch.MariaDBOptions{})
	s, err := store.Open(store.Options{
		Driver: "mysql", Hosts: []string{m.Addr()}, Name: m.Database(), User: m.User(), Password: m.Password(),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return m, s
}

func exec(t *testing.T, m *scratch.MariaDB, statement string) {
	t.Helper()
	if err := m.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// within waits until the check says what is wanted.
func within(t *testing.T, c *Check, limit time.Duration, attributes, want string) {
	t.Helper()
	got := ""
	for start := time.Now(); time.Since(start) < limit; time.Sleep(20 * time.Millisecond) {
		if got = judged(t, c, request(t, attributes)); got == want {
			return
		}
	}
	t.Errorf("%s: after %v still %s, want %s", attributes, limit, got, want)
}

// TestMariaDBBans: what the web API writes acts within five seconds without
// the change feed and within two with it.
func TestMariaDBBans(t *testing.T) {
	m, s := withSchema(t)
	for _, tt := range []struct {
		name  string
		feed  bool
		limit time.Duration
	}{{"reloads", false, 5 * time.Second}, {"feed", true, 2 * time.Second}} {
		t.Run(tt.name, func(t *testing.T) {
			exec(t, m, "DELETE FROM api_bans")
			exec(t, m, "SET GLOBAL time_zone = '+05:00'") // times in the table are UTC all the same
			var feed table.Feed
			if tt.feed {
				found, err := s.Feed(t.Context())
				if err != nil || found == nil {
					t.Fatal(found, err)
				}
				feed = found
			}
			f := follow(t, s, feed, t.TempDir())
			defer f.stop()
			c := newCheck(t, f, func(o *Options) { o.Now = time.Now })
			within(t, c, 5*time.Second, "sender=a@spam.example", "dunno")

			exec(t, m, "INSERT INTO api_bans (ban_type, ban_value, reason) VALUES ('domain', '@SPAM.example ', 'spam'), ('domain', 'bücher.example', 'books')")
			within(t, c, tt.limit, "sender=a@x.spam.example", "sender_domain: 554 5.7.1 Sender banned: spam")
			within(t, c, time.Second, "sender=a@xn--bcher-kva.example", "sender_domain: 554 5.7.1 Sender banned: books")
			exec(t, m, "UPDATE api_bans SET revoked_at = UTC_TIMESTAMP(6), revoked_reason = 'mistake' WHERE reason = 'spam'")
			within(t, c, tt.limit, "sender=a@x.spam.example", "dunno")

			end := time.Now().Add(tt.limit + 3*time.Second).UTC()
			exec(t, m, fmt.Sprintf("INSERT INTO api_bans (ban_type, ban_value, reason, expires_at) VALUES ('ip', '192.0.2.77/24', 'net', '%s')",
				end.Format("2006-01-02 15:04:05.000000")))
			exec(t, m, "INSERT INTO api_bans (ban_type, ban_value, reason, expires_at) VALUES ('ip', '192.0.2.0/24', 'over', UTC_TIMESTAMP(6) - INTERVAL 1 SECOND)")
			within(t, c, tt.limit, "client_address=192.0.2.1", "client_ip: 554 5.7.1 Client banned: net")
			within(t, c, time.Until(end)+200*time.Millisecond, "client_address=192.0.2.1", "dunno")
			if early := time.Until(end); early > 0 {
				t.Errorf("the ban ended %v too early", early)
			}
		})
	}
}

// TestMariaDBKilled: the last content stays, also for a process that starts
// meanwhile; one without a disk copy is in trouble.
func TestMariaDBKilled(t *testing.T) {
	m, s := withSchema(t)
	exec(t, m, "INSERT INTO api_bans (ban_type, ban_value, reason) VALUES ('email', 'bad@mail.example', 'rude')")
	dir := t.TempDir()
	f := follow(t, s, nil, dir)
	c := newCheck(t, f, func(o *Options) { o.Now = time.Now })
	const q, want = "sender=Bad+x@Mail.Example", "sender_email: 554 5.7.1 Sender banned: rude"
	within(t, c, 5*time.Second, q, want)
	f.stop()

	if err := m.Kill(); err != nil {
		t.Fatal(err)
	}
	restarted := follow(t, s, nil, dir)
	empty := follow(t, s, nil, t.TempDir())
	time.Sleep(3 * time.Second) // several loads fail
	checkAgain := newCheck(t, restarted, func(o *Options) { o.Now = time.Now })
	for name, c := range map[string]*Check{"old process": c, "new process": checkAgain} {
		if got := judged(t, c, request(t, q)); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	checkEmpty := newCheck(t, empty, func(o *Options) { o.Now = time.Now })
	if got := judged(t, checkEmpty, request(t, q)); got != "error" {
		t.Errorf("nothing was ever loaded: %s", got)
	}

	if err := m.Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	exec(t, m, "INSERT INTO api_bans (ban_type, ban_value, reason) VALUES ('ip', '192.0.2.1', 'new')")
	within(t, checkAgain, 5*time.Second, "client_address=192.0.2.1", "client_ip: 554 5.7.1 Client banned: new")
	within(t, checkEmpty, 5*time.Second, q, want)
}
