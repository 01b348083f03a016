//go:build integration

package doctor

import (
	"context"
	"slices"
	"testing"
	"time"

	"postern/internal/config"
	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

// TestDatabaseOfMariaDB looks at a real server: in good order, without rights,
// without triggers, in another time zone, and away.
func TestDatabaseOfMariaDB(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	db := scratchtest.Database(t, scratch.MariaDBOptions{ExtraArgs: []string{"--default-time-zone=+00:00"}})
	mustDo(t, db.Exec(ctx, "INSERT INTO domain (name) VALUES ('fwd.example'); INSERT INTO alias (address, goto) VALUES ('a@fwd.example', 'b@fwd.example'), ('b@fwd.example', 'a@fwd.example')"))

	if got := databaseFindings(ctx, t, db, db.User(), time.Now); !slices.Equal(got, []string{"alias-loop", "operator-missing"}) {
		t.Errorf("in good order, but for a loop: %v", got)
	}
	if !senderIndexFound(ctx, t, db) {
		t.Error("a query for senders without an index is not found")
	}
	mustDo(t, db.Exec(ctx, "CREATE INDEX idx_sender ON smtp_sender_acl (sender)"))
	if senderIndexFound(ctx, t, db) {
		t.Error("the index is not seen")
	}
	later := func() time.Time { return time.Now().Add(time.Minute) }
	if got := databaseFindings(ctx, t, db, db.User(), later); !slices.Contains(got, "clock") {
		t.Errorf("a clock that is a minute off: %v", got)
	}
	mustDo(t, db.Exec(ctx, "DROP TRIGGER postern_alias_insert"))
	if got := databaseFindings(ctx, t, db, db.User(), time.Now); !slices.Contains(got, "feed-incomplete") {
		t.Errorf("without a trigger: %v", got)
	}
	mustDo(t, db.Exec(ctx, "RENAME TABLE postern_change TO elsewhere"))
	if got := databaseFindings(ctx, t, db, db.User(), time.Now); !slices.Contains(got, "feed-orphaned") {
		t.Errorf("triggers without their table: %v", got)
	}
	mustDo(t, db.Exec(ctx, "RENAME TABLE elsewhere TO postern_change"))
	mustDo(t, db.Exec(ctx, "SET GLOBAL time_zone = '+02:00'"))
	if got := databaseFindings(ctx, t, db, db.User(), time.Now); !slices.Contains(got, "database-time-zone") || slices.Contains(got, "clock") {
		t.Errorf("two hours east: %v", got)
	}
	mustDo(t, db.Exec(ctx, "SET GLOBAL time_zone = '+00:00'; CREATE USER poor IDENTIFIED BY '"+db.Password()+"'; GRANT SELECT ON "+db.Database()+".domain TO poor; GRANT SELECT ON "+db.Database()+".api_bans TO poor"))
	got := databaseFindings(ctx, t, db, "poor", time.Now)
	if !slices.Contains(got, "database-right") || !slices.Contains(got, "rows-unread") || slices.Contains(got, "table-missing") {
		t.Errorf("without rights: %v", got)
	}
	mustDo(t, db.Kill())
	if got := databaseFindings(ctx, t, db, db.User(), time.Now); !slices.Contains(got, "database-unreachable") {
		t.Errorf("away: %v", got)
	}
}

// senderIndexFound looks at a .cf file that asks for senders.
func senderIndexFound(ctx context.Context, t *testing.T, db *scratch.MariaDB) bool {
	t.Helper()
	h, _ := brokenHost(t, "testdata/broken/mysql-senders")
	c, err := config.Parse("postern.yaml", []byte("database: {hosts: ['"+db.Addr()+"'], name: "+db.Database()+", user: "+db.User()+", password: "+db.Password()+"}\n"))
	mustDo(t, err)
	h.Config = c
	defer h.openDatabase()()
	return hasKind(Examine(ctx, h), "sender-index")
}

// databaseFindings are the kinds that are found with a user of the database.
func databaseFindings(ctx context.Context, t *testing.T, db *scratch.MariaDB, login string, now func() time.Time) []string {
	t.Helper()
	c, err := config.Parse("postern.yaml", []byte("database: {hosts: ['"+db.Addr()+"'], name: "+db.Database()+", user: "+login+", password: "+db.Password()+"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	h := &Host{ConfigFile: "postern.yaml", Config: c, Files: paper{}, Now: now}
	defer h.openDatabase()()
	var kinds []string
	for _, found := range Examine(ctx, h) {
		t.Log(found)
		kinds = append(kinds, found.Check)
	}
	return kinds
}
