//go:build integration

package units

import (
	"regexp"
	"strings"
	"testing"
)

const (
	logKey    = "/etc/postern/log.key"
	policyKey = "/etc/postern/policy.key"
)

// TestKeys has the keys of hashes in files of root alone. The word for an
// address is the same after a restart, which it is by the key alone.
func TestKeys(t *testing.T) {
	before := must(t, "cat "+configFile)
	t.Cleanup(func() {
		check(t, write(configFile, before+"\n", 0o640))
		must(t, "rm -f "+logKey+" "+policyKey+"; systemctl stop redis-server")
	})
	text := strings.NewReplacer(
		"policyd:\n", "policyd:\n  state: redis://127.0.0.1:6379\n  state_key_file: credential:policy.key\n",
		"  rate_limits:\n", "  rate_limits:\n    - {name: once, key: sender, count: messages, limit: 1/1d, contexts: [gate]}\n",
	).Replace(before) + "\nlog: {addresses: hashed, key_file: credential:log.key}\n"
	check(t, write(configFile, text, 0o640))
	begin(t, "mariadb", "redis-server")
	must(t, "systemctl start --no-block postern")
	logged(t, "postern", "log.key") // it is not there
	check(t, write(logKey, "a-key-of-the-log\n", 0o600))
	logged(t, "postern", "policy.key")
	check(t, write(policyKey, "a-key-of-the-policy\n", 0o600))
	await(t, "postern is up", func() bool { return property(t, "postern", "ActiveState") == "active" })
	first := hashed(t, "postern")
	must(t, "systemctl restart postern")
	if second := hashed(t, "postern"); first != second {
		t.Errorf("an address is %q in the log, and %q after a restart", first, second)
	}
	for _, user := range []string{"nobody", "postfix", "postern-srsd -G postern"} {
		for _, path := range []string{logKey, policyKey, "/run/credentials/postern.service/log.key"} {
			if err := sh("runuser -u " + user + " -- test -r " + path); err == nil {
				t.Errorf("%s can read %s", user, path)
			}
		}
	}
	must(t, "systemctl start postern-policyd") // each alone has them, too
	if alone := hashed(t, "postern-policyd"); alone != first {
		t.Errorf("an address is %q in the log of policyd alone, want %q", alone, first)
	}
}

// hashed has the policy daemon log a sender that asks more than once, and
// returns the word for it.
func hashed(t *testing.T, unit string) string {
	t.Helper()
	for _, mail := range []string{"one", "two"} {
		request := strings.Replace(policyRequest, "instance=units.1", "policy_context=gate\ninstance="+unit+property(t, unit, "MainPID")+mail, 1)
		if action, err := askPolicy(request); err != nil || !strings.HasPrefix(action, "action=") {
			t.Fatalf("%q, %v", action, err)
		}
	}
	word := regexp.MustCompile(`msg=policy .*sender=(\S+)`)
	var found []string
	await(t, "a sender in the log of "+unit, func() bool {
		log := must(t, "journalctl --sync; journalctl --no-pager -o cat _SYSTEMD_INVOCATION_ID="+property(t, unit, "InvocationID"))
		found = word.FindStringSubmatch(log)
		return found != nil
	})
	if strings.Contains(found[1], "friend") {
		t.Errorf("the log has the sender as %s", found[1])
	}
	return found[1]
}
