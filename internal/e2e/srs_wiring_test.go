//go:build integration

package e2e

import (
	"maps"
	"path/filepath"
	"testing"
)

// srsWiring is a way to ask for SRS from main.cf, and what it can do.
type srsWiring struct {
	name    string
	main    map[string]string
	milter  bool   // a sender whose recipients are local by name stays
	walks   bool   // and one whose recipients are where their alias leads
	forgery string // reply to a forged SRS recipient
	late    bool   // at the end of the message, not at RCPT
}

// startSRSWirings starts a daemon of each kind, for any number of Postfixes.
func startSRSWirings(t *testing.T) []srsWiring {
	t.Helper()
	native := newNativeSRS(t, "database: {driver: sqlite, path: {dir}/postern.db}\n")
	makeSQLite(t, filepath.Join(native.dir, "postern.db"), srsRows)
	native.begin(t)
	classic := newClassicSRS(t).begin(t)
	modern := newModernSRS(t, `domains = {"home.test", "kept.test"}`).begin(t)
	const unlisted, unsigned = "550 5.1.1 ", "its signature is wrong"
	return []srsWiring{
		{name: "tcp tables", main: tcpWiring(native), forgery: unlisted},
		{name: "tcp tables in the place of PostSRSd 1", main: tcpWiring(classic), forgery: unlisted},
		{name: "socketmap", main: mapsWiring(native), forgery: unsigned},
		{name: "socketmap in the place of PostSRSd 2", main: map2Wiring(modern), forgery: unlisted},
		{name: "milter", main: milterWiring(native), milter: true, walks: true, forgery: unsigned},
		{name: "milter in the place of PostSRSd 2", main: milterWiring(modern), milter: true, forgery: "550 5.7.1", late: true},
	}
}

// srsRows are the aliases of srsAliases.
const srsRows = "INSERT INTO domain (name, active) VALUES ('fwd.test',1),('kept.test',1);" +
	"INSERT INTO alias (address, `goto`, active) VALUES ('info@fwd.test','owner@dest.test',1),('bad@fwd.test','nobody@refuse.test',1)," +
	"('stays@fwd.test','box@home.test',1),('info@kept.test','owner@dest.test',1);"

// tcpWiring is that of PostSRSd 1.x. A hit in recipient_canonical_maps is a
// recipient that exists.
func tcpWiring(d *srsDaemon) map[string]string {
	return canonicalWiring("tcp:"+d.forward, "tcp:"+d.reverse)
}

// map2Wiring is that of PostSRSd 2.x.
func map2Wiring(d *srsDaemon) map[string]string {
	return canonicalWiring("socketmap:inet:"+d.map2+":forward", "socketmap:inet:"+d.map2+":reverse")
}

func canonicalWiring(forward, reverse string) map[string]string {
	return map[string]string{
		"sender_canonical_maps":       forward,
		"sender_canonical_classes":    "envelope_sender",
		"recipient_canonical_maps":    reverse,
		"recipient_canonical_classes": "envelope_recipient",
	}
}

// mapsWiring is the one that postfix/README.md shows: everything from the
// listener of all maps, and a reason for who is refused.
func mapsWiring(d *srsDaemon) map[string]string {
	main := canonicalWiring(d.socketmap("srs-forward"), d.socketmap("srs-reverse"))
	maps.Copy(main, map[string]string{
		"virtual_alias_domains":        srsDomain + ", " + d.socketmap("virtual-domains"),
		"virtual_alias_maps":           "inline:{ {postmaster@" + srsDomain + "=ops@dest.test} }, " + d.socketmap("virtual"),
		"smtpd_relay_restrictions":     "permit_mynetworks, reject_unauth_destination",
		"smtpd_recipient_restrictions": "check_recipient_access " + d.socketmap("srs-recipients") + ", reject_unlisted_recipient",
	})
	return main
}

// milterWiring: the SRS domain is relayed to, for addresses that look like
// SRS, and the milter, which sees bounces of Postfix's own as well, finds out
// about them.
func milterWiring(d *srsDaemon) map[string]string {
	return map[string]string{
		"virtual_alias_domains":        "fwd.test, kept.test",
		"relay_domains":                "home.test, " + srsDomain,
		"relay_recipient_maps":         `regexp:{ {/@home\.test$$/ OK} {/^SRS[01][-+=]/ OK} }`,
		"smtpd_milters":                "inet:" + d.milter,
		"non_smtpd_milters":            "inet:" + d.milter,
		"internal_mail_filter_classes": "bounce",
		"milter_default_action":        "tempfail",
	}
}
