//go:build integration

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	client "github.com/redis/go-redis/v9"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

// privateWords are in the requests of TestPolicyRedisPrivate, and must be
// nowhere in Redis: parts of them would do for somebody who looks for a person.
var privateWords = []string{"alice", "secretive", "ownerly", "hidden", "198.51.100", "2001:db8:77", "inboxly", "helosome", "instancy"}

// TestPolicyRedisPrivate: a Redis with a password holds no address, login or
// domain, in no key and in no value; nor does it hear one.
func TestPolicyRedisPrivate(t *testing.T) {
	server := scratchtest.Redis(t, scratch.RedisOptions{Args: []string{"--requirepass", redisPassword,
		"--rdbcompression", "no", "--slowlog-log-slower-than", "0", "--slowlog-max-len", "100000"}})
	d := newPolicyDaemon(t, "")
	writeSecrets(t, filepath.Join(d.dir, "password"), redisPassword+"\n")
	writeSecrets(t, filepath.Join(d.dir, "key"), "a key of the tests\n")
	d.set(t, "",
		"chains: {gate: [greylist, rate_limits], count: [rate_limits]}", "greylist: {delay: 1s}",
		"rate_limits:",
		"  - {name: login, key: sasl_username, limit: 5/52w}", "  - {name: client, key: client_address, limit: 500/52w}",
		"  - {name: sender, key: sender, count: recipients, limit: 500/52w}", "  - {name: domains, key: [sender_domain, recipient_domain], limit: [50/1d, 500/52w]}",
		"  - {name: helo, key: helo_name, limit: 500/52w}", "  - {name: recipient, key: recipient, limit: 500/52w}", "  - {name: queue, key: instance, limit: 500/52w}",
		"state: redis://"+server.Addr(), "state_password_file: password", "state_key_file: key")
	command(t, server, "SET", "canary", "somebody@findable.test")
	d.begin(t)
	sharing{daemons: []*policyDaemon{d}}.up(t, 1)
	for _, address := range []string{"198.51.100.7", "2001:db8:77::25"} {
		from := []string{"client_address=" + address, "client_name=mx.secretive.test", "helo_name=helosome.test", "sender=hidden@secretive.test", "recipient=Inboxly+tag@ownerly.test"}
		n := 0
		eventually(t, "Redis says in time that somebody new has to wait", func() bool {
			n++
			return strings.HasPrefix(d.answer(t, append(from, "policy_context=gate", fmt.Sprintf("recipient=inboxly%d@ownerly.test", n))...), "DEFER_IF_PERMIT")
		})
		eventually(t, "the sender has waited long enough", func() bool { return d.answer(t, append(from, "policy_context=gate")...) == "DUNNO" })
		d.spend(t, 2, append(from, "policy_context=count", "sasl_username=Alice@secretive.test", "instance=instancy."+address)...)
	}
	spendAll(t, []*policyDaemon{d}, 6, "policy_context=count", "sasl_username=Alice@secretive.test", "sender=hidden@secretive.test")
	d.stop(t)
	testHolds(t, server)
	testHeard(t, server)
	for _, secret := range []string{redisPassword, "a key of the tests"} {
		if strings.Contains(d.log(), secret) {
			t.Errorf("the log tells %q", secret)
		}
	}
}

const redisPassword = "a password of the tests"

// command gives the server a command and returns the answer.
func command(t *testing.T, server *scratch.Redis, words ...any) any {
	t.Helper()
	c := client.NewClient(&client.Options{Network: "unix", Addr: server.Socket(), Password: redisPassword, Protocol: 2, ReadTimeout: patience})
	defer c.Close()
	answer, err := c.Do(t.Context(), words...).Result()
	if err != nil {
		t.Fatalf("%v: %v", words, err)
	}
	return answer
}

// testHolds looks through all that Redis has.
func testHolds(t *testing.T, server *scratch.Redis) {
	t.Helper()
	if n := command(t, server, "DBSIZE").(int64); n < 20 {
		t.Errorf("%d keys: that is not what was counted", n)
	}
	command(t, server, "SAVE")
	all, err := os.ReadFile(filepath.Join(filepath.Dir(server.Socket()), "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	all = bytes.ToLower(all)
	if !bytes.Contains(all, []byte("somebody@findable.test")) {
		t.Fatal("what is in Redis in clear would not be found")
	}
	for _, word := range privateWords {
		if at := bytes.Index(all, []byte(word)); at >= 0 {
			t.Errorf("Redis holds %q: %q", word, all[max(0, at-80):min(len(all), at+80)])
		}
	}
}

// testHeard looks through the commands that Redis was given.
func testHeard(t *testing.T, server *scratch.Redis) {
	t.Helper()
	heard, scripts := "", 0
	for _, entry := range command(t, server, "SLOWLOG", "GET", -1).([]any) {
		for _, word := range entry.([]any)[3].([]any) {
			heard += strings.ToLower(word.(string)) + " "
			if strings.EqualFold(word.(string), "evalsha") {
				scripts++
			}
		}
	}
	if scripts < 20 || !strings.Contains(heard, "somebody@findable.test") {
		t.Errorf("%d scripts were heard, and what is in clear would not be found: %.300s", scripts, heard)
	}
	for _, word := range privateWords {
		if at := strings.Index(heard, word); at >= 0 {
			t.Errorf("Redis hears %q: %s", word, heard[max(0, at-80):min(len(heard), at+80)])
		}
	}
}
