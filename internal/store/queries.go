package store

// tableQueries are the two questions to one loaded table. Both return the
// key's column first and the value's second; bans return the reason third.
type tableQueries struct {
	load string
	get  string
}

// queries holds the questions by driver and table. SQLite's indexes fold ASCII
// only (NOCASE), so there a key is looked for among the rows with other letters
// too; a partial index holds those.
func queries(driver string) map[string]tableQueries {
	if driver == "sqlite" {
		return sqliteQueries
	}
	return mysqlQueries
}

var mysqlQueries = map[string]tableQueries{
	"domain": {
		load: `SELECT name, CASE WHEN active = 1 THEN '1' ELSE '0' END FROM domain`,
		get:  `SELECT name, CASE WHEN active = 1 THEN '1' ELSE '0' END FROM domain WHERE name = ?`,
	},
	"alias": {
		load: "SELECT address, `goto` FROM alias WHERE active = 1",
		get:  "SELECT address, `goto` FROM alias WHERE address = ? AND active = 1",
	},
	"alias_handle": {
		load: `SELECT handle, address FROM alias_handle WHERE active = 1`,
		get:  `SELECT handle, address FROM alias_handle WHERE handle = ? AND active = 1`,
	},
	"smtp_sender_acl": {
		load: `SELECT sender, login FROM smtp_sender_acl WHERE active = 1`,
		get:  `SELECT sender, login FROM smtp_sender_acl WHERE sender = ? AND active = 1 ORDER BY id`,
	},
	"api_bans": {
		load: `SELECT concat(ban_type, ':', ban_value), expires_at, reason FROM api_bans
			WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > UTC_TIMESTAMP(6))`,
		get: `SELECT concat(ban_type, ':', ban_value), expires_at, reason FROM api_bans
			WHERE ban_type = ? AND ban_value = ? AND revoked_at IS NULL ORDER BY id`,
	},
}

var sqliteQueries = map[string]tableQueries{
	"domain": {
		load: `SELECT name, CASE WHEN active = 1 THEN '1' ELSE '0' END FROM domain`,
		get: `SELECT name, CASE WHEN active = 1 THEN '1' ELSE '0' END FROM domain WHERE name = ?1
			UNION ALL
			SELECT name, CASE WHEN active = 1 THEN '1' ELSE '0' END FROM domain WHERE name GLOB '*[^ -~]*' AND name <> ?1`,
	},
	"alias": {
		load: `SELECT address, goto FROM alias WHERE active = 1`,
		get: `SELECT address, goto FROM alias WHERE address = ?1 AND active = 1
			UNION ALL
			SELECT address, goto FROM alias WHERE address GLOB '*[^ -~]*' AND address <> ?1 AND active = 1`,
	},
	"alias_handle": {
		load: `SELECT handle, address FROM alias_handle WHERE active = 1`,
		get: `SELECT handle, address FROM alias_handle WHERE handle = ?1 AND active = 1
			UNION ALL
			SELECT handle, address FROM alias_handle WHERE handle GLOB '*[^ -~]*' AND handle <> ?1 AND active = 1`,
	},
	"smtp_sender_acl": {
		load: `SELECT sender, login FROM smtp_sender_acl WHERE active = 1`,
		get: `SELECT sender, login FROM smtp_sender_acl WHERE sender = ?1 AND active = 1
			UNION ALL
			SELECT sender, login FROM smtp_sender_acl WHERE sender GLOB '*[^ -~]*' AND sender <> ?1 AND active = 1`,
	},
	"api_bans": {
		load: `SELECT ban_type || ':' || ban_value, expires_at, reason FROM api_bans WHERE revoked_at IS NULL`,
		get: `SELECT ban_type || ':' || ban_value, expires_at, reason FROM api_bans
			WHERE ban_value = ?2 AND ban_type = ?1 AND revoked_at IS NULL
			UNION ALL
			SELECT ban_type || ':' || ban_value, expires_at, reason FROM api_bans
			WHERE ban_value GLOB '*[^ -~]*' AND ban_value <> ?2 AND ban_type = ?1 AND revoked_at IS NULL`,
	},
}

// feedQueries are the questions to the change feed.
type feedQueries struct {
	columns  string // fails where the feed is not installed
	triggers string // how many of its triggers are seen, and whether all would be
	newest   string // the latest changes, with whether one is older than the window
	since    string // changes from one number on, that one included
}

const newestChanges = `SELECT seq, CASE WHEN %s THEN 1 ELSE 0 END FROM postern_change ORDER BY seq DESC LIMIT ?`

// sinceChanges begins with the change that was the last known one: if it is
// gone, so may be others that were not read.
const sinceChanges = `SELECT seq, tbl, k FROM postern_change WHERE seq >= ? ORDER BY seq LIMIT ?`
