package doctor

import (
	"context"
	"strconv"
	"strings"
	"time"

	"postern/internal/store"
)

// databaseKinds are the findings of checkDatabase.
func databaseKinds() []Kind {
	return []Kind{
		{"database-missing", Note, "postern.yaml has no database block, or it could not be read: the tables were not looked at"},
		{"database-unreachable", Error, "the tables cannot be loaded: after the next boot without a disk copy all mail is deferred"},
		{"database-right", Error, "the database user may not read a table: lookups that need it defer mail"},
		{"table-missing", Error, "a table that postern loads does not exist: lookups that need it defer mail"},
		{"ban-pattern-missing", Note, "api_bans has no column ban_pattern: a ban query of a .cf file that selects it defers all mail"},
		{"feed-missing", Note, "there is no change feed: a change is seen after tables.refresh and not within a second"},
		{"feed-orphaned", Error, "the triggers of the change feed are there and its table is not: the database refuses every change of the tables"},
		{"feed-incomplete", Warning, "the change feed has lost triggers: changes of some tables are seen late"},
		{"database-time-zone", Warning, "the server's time zone is not UTC: NOW() in .cf files and created_at are shifted, bans end at another hour"},
		{"clock", Warning, "the clock of this host and that of the database differ: bans and SRS time stamps end early or late"},
	}
}

// loadedTables are the tables that postern holds in memory.
func loadedTables() []string {
	return []string{"domain", "alias", "alias_handle", "smtp_sender_acl", "api_bans"}
}

// checkDatabase looks at the schema, the rights and the clock.
func checkDatabase(ctx context.Context, h *Host, f *findings) {
	at := h.setting("database")
	if h.Database == nil || h.Config == nil {
		why := "postern.yaml has no database block"
		switch {
		case h.DatabaseErr != nil:
			why = h.DatabaseErr.Error()
		case h.Config == nil:
			why = "postern.yaml, which says where it is, could not be read"
		}
		f.add("database-missing", at, "write a database block that this user can read, and run postern check as root", "the database was not looked at: %s", why)
		return
	}
	if _, err := h.Database.Select(ctx, "SELECT 1"); err != nil {
		f.add("database-unreachable", at, "start the database, or correct hosts, name, user and password_file", "the tables cannot be loaded: %v", err)
		return
	}
	for _, table := range loadedTables() {
		if _, err := h.Database.Select(ctx, "SELECT 1 FROM "+table+" LIMIT 1"); err != nil {
			f.tableTrouble(h, table, err)
		}
	}
	h.checkAdditions(ctx, f)
	h.checkClock(ctx, f)
}

// schemaCommand makes the tables that are missing, and keeps what is there.
func (h *Host) schemaCommand() string {
	if d := h.Config.Database; d.Driver == "sqlite" {
		return "postern schema --driver sqlite | sqlite3 " + d.Path
	}
	return "postern schema | mariadb " + h.Config.Database.Name
}

// tableTrouble says why a table cannot be read.
func (f *findings) tableTrouble(h *Host, table string, err error) {
	at := "table " + table
	switch {
	case store.MissingTable(err):
		f.add("table-missing", at, h.schemaCommand(), "postern cannot load it, and what needs it answers TEMP: %v", err)
	case store.MissingRight(err):
		f.add("database-right", at, "GRANT SELECT ON "+h.Config.Database.Name+".* TO the user "+h.Config.Database.User, "postern cannot load it, and what needs it answers TEMP: %v", err)
	default:
		f.add("database-unreachable", at, "see what the database says in its log", "it cannot be read: %v", err)
	}
}

// checkAdditions looks for what postern adds to the schema.
func (h *Host) checkAdditions(ctx context.Context, f *findings) {
	if _, err := h.Database.Select(ctx, "SELECT ban_pattern FROM api_bans LIMIT 1"); err != nil && !store.MissingTable(err) && !store.MissingRight(err) {
		f.add("ban-pattern-missing", "table api_bans", h.schemaCommand()+" (it adds the column and keeps the rows)",
			"a .cf file that selects ban_pattern answers TEMP, and all mail that asks it is deferred")
	}
	_, err := h.Database.Select(ctx, "SELECT 1 FROM postern_change LIMIT 1")
	switch {
	case err != nil && store.MissingRight(err):
		f.add("feed-missing", "table postern_change", "GRANT SELECT ON "+h.Config.Database.Name+".* TO the user "+h.Config.Database.User,
			"the change feed cannot be read: a new alias is known after tables.refresh (%v), not within a second", time.Duration(h.Config.Tables.Refresh))
	case err != nil && h.feedTriggers(ctx) > 0:
		f.add("feed-orphaned", "table postern_change", h.schemaCommand(),
			"triggers write to this table, which does not exist: every change of a domain, alias, handle, sender or ban fails (error 1146)")
	case err != nil:
		f.add("feed-missing", "table postern_change", h.schemaCommand(),
			"there is no change feed: a new alias is known after tables.refresh (%v), not within a second", time.Duration(h.Config.Tables.Refresh))
	default:
		h.checkTriggers(ctx, f)
	}
}

// checkTriggers counts the triggers of the feed where they can be seen.
func (h *Host) checkTriggers(ctx context.Context, f *findings) {
	if n := h.feedTriggers(ctx); n > 0 && n < 15 {
		f.add("feed-incomplete", "table postern_change", h.schemaCommand(), "%d of its 15 triggers are there: changes that the others would note are seen after the hourly reload", n)
	}
}

// feedTriggers counts the triggers of the change feed; 0 where they cannot be
// seen: a user without the TRIGGER right sees none of them.
func (h *Host) feedTriggers(ctx context.Context) int {
	if h.Config.Database.Driver == "sqlite" {
		return 0 // the file carries them
	}
	rows, err := h.Database.Select(ctx, "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() AND TRIGGER_NAME LIKE 'postern\\_%'")
	if err != nil || len(rows) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(rows[0][0])
	return n
}

// clockTolerance is what two clocks may differ by, the way to the server included.
const clockTolerance = 2 * time.Second

// checkClock compares clocks and time zones.
func (h *Host) checkClock(ctx context.Context, f *findings) {
	if h.Config.Database.Driver == "sqlite" {
		return
	}
	rows, err := h.Database.Select(ctx, "SELECT UTC_TIMESTAMP(6), TIMESTAMPDIFF(MINUTE, UTC_TIMESTAMP(), NOW())")
	if err != nil || len(rows) == 0 {
		return
	}
	if rows[0][1] != "0" {
		f.add("database-time-zone", h.setting("database"), "SET GLOBAL time_zone = '+00:00'; and default-time-zone = +00:00 in the server's configuration",
			"NOW() of the server is %s minutes off UTC: a ban that a .cf query or another program compares with NOW() ends that much early or late", rows[0][1])
	}
	there, err := time.Parse("2006-01-02 15:04:05.999999", strings.TrimSuffix(strings.Replace(rows[0][0], "T", " ", 1), "Z"))
	if err != nil {
		return
	}
	if d := h.Now().UTC().Sub(there); d.Abs() > clockTolerance {
		f.add("clock", h.setting("database"), "timedatectl set-ntp true, on both hosts", "the database's clock differs from this host's by %v: bans and SRS addresses end that much early or late", d.Round(time.Second))
	}
}
