//go:build integration

package e2e

import (
	"strings"
	"testing"
)

// banBlocks is a policyd with bans alone, in a database that answers soon or
// never.
func banBlocks(db *database, fail string) (more string, settings []string) {
	return db.block("connect_timeout: 300ms", "statement_timeout: 300ms"), []string{"checks: [bans]", "bans: {fail: " + quoteSQL(fail) + "}"}
}

// Requests at DATA need no alias.
const (
	goodData   = "protocol_state=DATA recipient= recipient_count=2"
	bannedData = goodData + " client_address=198.51.100.77"
)

// TestPolicyBansWithoutDatabase: bans act from memory when the database dies,
// and from the copy on disk when the daemon starts without one.
func TestPolicyBansWithoutDatabase(t *testing.T) {
	db := newDatabase(t, true, true)
	db.exec(t, trioRows)
	more, settings := banBlocks(db, "")
	d := startPolicyDaemon(t, more, settings...)
	banned := func() {
		t.Helper()
		d.want(t, "554 5.7.1 ", strings.Fields(bannedData)...)
		d.want(t, "554 5.7.1 ", strings.Fields(goodData+" sender=x@sub.banned.test")...)
		d.want(t, "DUNNO", strings.Fields(goodData)...)
	}
	eventually(t, "the bans are loaded", func() bool { return d.answer(t, strings.Fields(goodData)...) != noReply })
	banned()
	revive(t)
	mustDo(t, shared.db.Kill())
	stream := startRequests(t, []*policyDaemon{d}, strings.Fields(goodData)...)
	banned()
	stream.flows(t, 50)
	stream.stop(t, "without the database", promptly)
	d.stop(t)
	for range 2 { // the copy is not worn out by being used
		d.start(t)
		eventually(t, "the copy on disk is read", func() bool { return d.answer(t, strings.Fields(goodData)...) != noReply })
		banned()
		d.kill()
	}
	d.start(t)
	eventually(t, "the copy on disk is read", func() bool { return d.answer(t, strings.Fields(goodData)...) != noReply })
	mustDo(t, shared.db.Restart(t.Context()))
	db.exec(t, "INSERT INTO api_bans (ban_type, ban_value) VALUES ('email', 'friend@far.test')")
	eventually(t, "a ban made after the outage acts", func() bool { return d.answer(t, strings.Fields(goodData)...)[:4] == "554 " })
}

// TestPolicyBansNeverLoaded: without a database and without a copy, the fail of
// the check decides, and bans act when the database comes.
func TestPolicyBansNeverLoaded(t *testing.T) {
	db := newDatabase(t, true, true)
	db.exec(t, trioRows)
	revive(t)
	mustDo(t, shared.db.Kill())
	more, settings := banBlocks(db, "")
	d := newPolicyDaemon(t, more, settings...)
	d.start(t)
	for _, f := range troubled {
		more, settings := banBlocks(db, f.fail)
		d.set(t, more, settings...)
		d.reload(t, "msg=reloaded")
		d.want(t, f.want, strings.Fields(bannedData)...)
		d.want(t, f.want, strings.Fields(goodData)...)
	}
	mustDo(t, shared.db.Restart(t.Context()))
	eventually(t, "bans act", func() bool { return d.answer(t, strings.Fields(bannedData)...)[:4] == "554 " })
	d.want(t, "DUNNO", strings.Fields(goodData)...)
}
