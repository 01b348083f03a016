package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"postern/internal/scratch"
)

const (
	// policyBans is how many bans of each of the four kinds there are.
	policyBans = 2500

	// policyMails is how many mails are asked about by turns.
	policyMails = 10000

	policyReply = "action=DUNNO\n\n"
)

// measurePolicy asks the policy daemon about mail that bans and rate limits let
// pass and, by turns, an echo server of the same framing. Counters in Redis cost
// a round trip to it: they have no floor.
func measurePolicy(ctx context.Context, l *lab) error {
	db, err := l.startDatabase(ctx)
	if err != nil {
		return err
	}
	defer db.Stop()
	if err := db.addAliases(ctx, 0, policyMails-1); err != nil {
		return err
	}
	if err := db.addBans(ctx, policyBans); err != nil {
		return err
	}
	if err := db.Load(ctx, db.feed); err != nil {
		return err
	}
	if err := l.comparePolicy(ctx, db, "counters in memory", "memory", atLeast(0.85)); err != nil {
		return err
	}
	if err := l.countPolicyAllocs(ctx); err != nil {
		return err
	}
	r, err := scratch.StartRedis(ctx, scratch.RedisOptions{})
	if err != nil {
		return err
	}
	defer r.Stop()
	return l.comparePolicy(ctx, db, "counters in Redis", "redis://"+r.Addr(), floor{})
}

// addBans adds so many bans of each kind. None of them is of a mail that is
// asked about.
func (d *database) addBans(ctx context.Context, each int) error {
	for kind, value := range map[string]string{
		"email":  "CONCAT('user', seq, '@mail', MOD(seq, 50), '.example')",
		"domain": "CONCAT('d', seq, '.spam.example')",
		"ip":     "CONCAT('10.', seq DIV 256, '.', MOD(seq, 256), IF(MOD(seq, 2), '.0/24', '.1'))",
		"name":   "CONCAT('name', seq)",
	} {
		if err := d.Exec(ctx, fmt.Sprintf("INSERT INTO api_bans (ban_type, ban_value, reason) SELECT '%s', %s, 'spam' FROM seq_0_to_%d",
			kind, value, each-1)); err != nil {
			return err
		}
	}
	return nil
}

// comparePolicy starts a daemon with a state and asks it over both kinds of sockets.
func (l *lab) comparePolicy(ctx context.Context, db *database, what, state string, f floor) error {
	dir, err := l.folder()
	if err != nil {
		return err
	}
	tcp, err := freeAddress()
	if err != nil {
		return err
	}
	unix := filepath.Join(dir, "policy")
	d, err := l.startDaemon(ctx, db.block(db.Addr())+policyBlock(state, "unix:"+unix, "inet:"+tcp), policyMails)
	if err != nil {
		return err
	}
	defer d.stop()
	if err := d.await(ctx, 10*time.Millisecond, func() bool {
		rows, err := d.metric(`postern_table_rows{table="api_bans"}`)
		return err == nil && rows == 4*policyBans
	}); err != nil {
		return err
	}
	questions := policyQuestions()
	for _, s := range []struct {
		what string
		ours server
	}{
		{"policy decision, " + what + ", unix", server{"unix", unix, d.cpu, questions}},
		{"policy decision, " + what + ", TCP", server{"tcp", tcp, d.cpu, questions}},
	} {
		if err := l.compareEcho(ctx, s.what, s.ours, "policy", f); err != nil {
			return err
		}
	}
	if n, err := d.sum("postern_policy_bans"); err != nil || n != 4*policyBans {
		return fmt.Errorf("%v bans are in force, %v: want %d", n, err, 4*policyBans)
	}
	return nil
}

// policyBlock has two limits that count every mail and never refuse.
func policyBlock(state string, listen ...string) string {
	return fmt.Sprintf(`
policyd:
  listen: ["%s"]
  state: "%s"
  rate_limits:
    - {name: client, key: client_address, limit: 100000/1h}
    - {name: sender, key: sender, limit: 100000/1h}
`, strings.Join(listen, `", "`), state)
}

// policyQuestions ask about mails, each with a client and a sender of its own,
// and each time with an instance that was not there before.
func policyQuestions() []question {
	all := make([]question, policyMails)
	for i := range all {
		text := policyRequest(i)
		all[i] = question{[]byte(text), []byte(policyReply), strings.Index(text, "instance=") + len("instance=")}
	}
	return all
}

// policyRequest is what Postfix 3.7 sends for RCPT TO, in 30 lines.
func policyRequest(i int) string {
	const request = `request=smtpd_access_policy
protocol_state=RCPT
protocol_name=ESMTP
client_address=203.%[2]d.%[3]d.25
client_name=mail-yw1-f%[1]d.example.net
client_port=%[4]d
reverse_client_name=mail-yw1-f%[1]d.example.net
server_address=192.0.2.1
server_port=25
helo_name=mail-yw1-f%[1]d.example.net
sender=newsletter+%[1]d@lists%[3]d.example.net
recipient=%[5]s
recipient_count=0
queue_id=
instance=00000000.6560c0a1.9b2f1.0
size=48213
etrn_domain=
stress=
sasl_method=
sasl_username=
sasl_sender=
ccert_subject=
ccert_issuer=
ccert_fingerprint=
ccert_pubkey_fingerprint=
encryption_protocol=TLSv1.3
encryption_cipher=TLS_AES_256_GCM_SHA384
encryption_keysize=256
policy_context=

`
	return fmt.Sprintf(request, i, i/256, i%256, 32768+i, alias(i))
}
