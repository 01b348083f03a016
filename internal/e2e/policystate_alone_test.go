//go:build integration

package e2e

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// Users of the daemons beside nobody.
var (
	firstUser  = &syscall.Credential{Uid: 1, Gid: 1}
	secondUser = &syscall.Credential{Uid: 2, Gid: 2}
)

// policyTrio is srsd, socketmap and policyd, each a process of its own under a
// user of its own, with the same blocks of configuration. Only srsd can read
// the secrets, and only socketmap has aliases and the files of maps.
type policyTrio struct {
	srs, maps *srsDaemon
	policy    *policyDaemon
	common    string // blocks of all
	plans     string // file of a map
}

// trioRows are the aliases: evil leads to a banned domain, two to one owner.
const trioRows = srsRows + "INSERT INTO alias (address, `goto`) VALUES ('evil@fwd.test','u@deep.banned.test'),('shop@fwd.test','owner@dest.test'),('chain@fwd.test','evil@fwd.test');" +
	"INSERT INTO api_bans (ban_type, ban_value, reason) VALUES ('domain','banned.test','spam source'),('ip','198.51.100.0/24','botnet');"

func newPolicyTrio(t *testing.T, db *database) *policyTrio {
	t.Helper()
	p := &policyTrio{srs: newNativeSRS(t, ""), maps: &srsDaemon{daemon: newFolderDaemon(t)}}
	p.policy = &policyDaemon{daemon: newFolderDaemon(t)}
	p.plans = p.maps.file("plans")
	writeFile(t, p.plans, "alice@home.test unlimited\nbob@home.test 6/52w\n@club.test 4/52w\n")
	writeFile(t, p.maps.file("lists"), "list@fwd.test shop@fwd.test\n")
	p.common = p.srs.blocks + db.block("connect_timeout: 5s", "statement_timeout: 5s") +
		"maps:\n  plans: {file: " + p.plans + "}\n  lists: {file: " + p.maps.file("lists") + "}\n" +
		"  everyone: {of: [lists, virtual], search: virtual}\n"
	p.policy = newPolicyDaemon(t, "")
	for _, d := range []*daemon{p.srs.daemon, p.policy.daemon} { // all ask the maps of one
		d.inet, d.unix = p.maps.inet, p.maps.unix
	}
	p.maps.configure(t, p.common)
	p.srs.configure(t, p.common)
	p.fails(t, "")
	p.maps.args, p.maps.user = []string{"socketmap", "--config", p.maps.config()}, firstUser
	p.srs.args, p.srs.user = []string{"srsd", "--config", p.srs.config()}, secondUser
	p.policy.user = nobody
	for path, user := range map[string]*syscall.Credential{
		p.maps.dir: firstUser, p.plans: firstUser, p.maps.file("lists"): firstUser, p.srs.dir: secondUser, p.srs.secrets(): secondUser, p.policy.dir: nobody,
	} {
		mustDo(t, os.Chown(path, int(user.Uid), int(user.Gid)))
	}
	for _, path := range []string{p.plans, p.maps.file("lists")} {
		mustDo(t, os.Chmod(path, 0o600))
	}
	return p
}

// fails says what becomes of mail when a check is in trouble.
func (p *policyTrio) fails(t *testing.T, fail string) {
	t.Helper()
	p.policy.set(t, p.common, "checks: [srs, bans, rate_limits]", "aliases: everyone",
		"srs: {fail: "+quoteSQL(fail)+"}", "bans: {fail: "+quoteSQL(fail)+"}", "rate_limits:",
		"  - {name: owner, key: alias_owner, limit: 30/52w, fail: "+quoteSQL(fail)+", logins: [inbound]}",
		"  - {name: login, key: sasl_username, limit: 2/52w, limits: plans, fail: "+quoteSQL(fail)+"}")
}

// TestPolicyDaemonAlone: policyd reads no secret, no alias and no file of a
// map. It asks the daemons that do, and each of them dies.
func TestPolicyDaemonAlone(t *testing.T) {
	db := newDatabase(t, true, true)
	db.exec(t, trioRows)
	p := newPolicyTrio(t, db)
	p.maps.begin(t)
	p.srs.begin(t)
	p.policy.begin(t)
	a := p.maps.asker()
	defer a.close()
	made := a.rewritten(t, "srs-forward", "friend@far.test")
	a.close()
	t.Run("it cannot read the secrets", func(t *testing.T) {
		cmd := exec.CommandContext(t.Context(), shared.binary, "serve", "--config", p.policy.config())
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: nobody}
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), p.srs.secrets()+": permission denied") {
			t.Errorf("serve as nobody: %v, %s", err, out)
		}
	})
	p.testSRS(t, made)
	p.testAliases(t)
	p.testPlans(t, "one")
	t.Run("without srsd", func(t *testing.T) {
		p.srs.kill()
		p.testWithoutSRS(t, made)
		p.srs.begin(t)
		eventually(t, "SRS is asked again", func() bool { return p.policy.answer(t, "sender=", "recipient="+made) == "DUNNO" })
		p.testSRS(t, made)
	})
	t.Run("without socketmap", func(t *testing.T) {
		p.maps.kill()
		p.testWithoutMaps(t)
		p.maps.begin(t)
		eventually(t, "aliases are asked for again", func() bool { return p.policy.answer(t, "recipient=shop@fwd.test") == "DUNNO" })
		p.testAliases(t)
		p.testPlans(t, "two")
		p.testSRS(t, made)
	})
	for _, d := range []*daemon{p.srs.daemon, p.maps.daemon, p.policy.daemon} {
		if strings.Contains(d.log(), "panic") {
			t.Error("postern panicked")
		}
	}
}

// testSRS: what the check srs says while srsd answers.
func (p *policyTrio) testSRS(t *testing.T, made string) {
	t.Helper()
	p.policy.want(t, "DUNNO", "sender=", "recipient="+made)
	p.policy.want(t, "550 5.1.1 ", "sender=", "recipient="+forged(made))
	p.policy.want(t, "554 5.", "recipient="+made)
	p.policy.want(t, "554 5.", "sender="+forged(made))
	p.policy.want(t, "DUNNO", "sender=SRS0=AAAA=AA=origin.test=user@other.test")
}

// testAliases: what depends on where an alias leads.
func (p *policyTrio) testAliases(t *testing.T) {
	t.Helper()
	for _, recipient := range []string{"evil@fwd.test", "Chain+tag@fwd.test", "someone@banned.test"} {
		p.policy.want(t, "554 5.7.1 ", "recipient="+recipient)
	}
	for _, recipient := range []string{"list@fwd.test", "info@fwd.test", "stays@fwd.test"} {
		p.policy.want(t, "DUNNO", "recipient="+recipient)
	}
	p.policy.want(t, "554 5.7.1 ", "client_address=198.51.100.77", "recipient=info@fwd.test")
}

// testPlans: limits that stand in a file which only socketmap can read; who is
// somebody new.
func (p *policyTrio) testPlans(t *testing.T, who string) {
	t.Helper()
	p.policy.spend(t, 10, "sasl_username=Alice@home.test")
	for login, want := range map[string]int{who + "@home.test": 2, who + "@club.test": 4} {
		if n := spendAll(t, []*policyDaemon{p.policy}, 10, "sasl_username="+login); n != want {
			t.Errorf("%d mails of %s pass, want %d", n, login, want)
		}
	}
}

// troubled are the answers of a check in trouble, by its fail.
var troubled = []struct{ fail, want string }{{"", noReply}, {"open", "DUNNO"}, {"closed", "451 4.3.0 "}}

// testWithoutSRS: what needs srsd is in trouble, and nothing else.
func (p *policyTrio) testWithoutSRS(t *testing.T, made string) {
	for _, f := range troubled {
		p.fails(t, f.fail)
		p.policy.reload(t, "msg=reloaded")
		p.policy.want(t, f.want, "sender=", "recipient="+made)
		p.policy.want(t, f.want, "sender=", "recipient="+forged(made))
		p.policy.want(t, f.want, "sender="+forged(made))
		p.testAliases(t)
		p.policy.want(t, "DUNNO", "sender=", "recipient=info@fwd.test")
	}
	p.testPlans(t, "without")
}

// testWithoutMaps: what needs aliases is in trouble. What is in memory still
// acts, and a limit from a map is that of the rule.
func (p *policyTrio) testWithoutMaps(t *testing.T) {
	for _, f := range troubled {
		p.fails(t, f.fail)
		p.policy.reload(t, "msg=reloaded")
		p.policy.want(t, f.want, "recipient=info@fwd.test")
		p.policy.want(t, f.want, "recipient=evil@fwd.test")
		p.policy.want(t, "554 5.7.1 ", "client_address=198.51.100.77", "recipient=info@fwd.test")
		p.policy.want(t, "554 5.7.1 ", "recipient=someone@banned.test")
		p.policy.want(t, "554 5.7.1 ", "sender=someone@banned.test")
		p.policy.want(t, "DUNNO", "protocol_state=DATA", "recipient=", "recipient_count=2")
		login := "sasl_username=none" + f.fail + "@club.test"
		if n := spendAll(t, []*policyDaemon{p.policy}, 10, login, "protocol_state=DATA", "recipient=", "recipient_count=2"); n != 2 {
			t.Errorf("fail %q: %d mails pass without the map, the rule's own limit is 2", f.fail, n)
		}
	}
}
