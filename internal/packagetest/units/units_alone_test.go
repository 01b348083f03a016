//go:build integration

package units

import (
	"fmt"
	"strings"
	"testing"
)

// TestAlone runs each daemon as its own user: what one does not hold, it asks
// of another.
func TestAlone(t *testing.T) {
	begin(t, "postern-socketmap", "postern-policyd", "postern-srsd", "postfix")
	for unit, want := range map[string]string{
		"postern-socketmap": "postern database.password log.key",
		"postern-policyd":   "postern-policyd database.password log.key policy.key redis.password",
		"postern-srsd":      "postern-srsd log.key srs.secret",
	} {
		user := must(t, fmt.Sprintf("ps -o user:20= -p %d", mainPID(t, unit)))
		files := strings.Join(strings.Fields(must(t, "ls /run/credentials/"+unit+".service")), " ")
		if got := user + " " + files; got != want {
			t.Errorf("%s: user and credentials %q, want %q", unit, got, want)
		}
	}
	answers(t, "virtual", "info@example.org", "someone@example.net")
	answers(t, "srs-forward", "friend@example.net", must(t, "postern srs forward friend@example.net")) // socketmap asks srsd
	for recipient, want := range map[string]string{"info@example.org": "250", "nobody@example.org": "550"} {
		if reply := rcpt(t, recipient); !strings.HasPrefix(reply, want) {
			t.Errorf("RCPT TO:<%s>: %q, want %s", recipient, reply, want)
		}
	}
	must(t, "postern health")
	for _, path := range []string{"/run/postern/socketmap.sock postern", "/run/postern/policyd.sock postern-policyd", "/run/postern/srsd.sock postern-srsd",
		"/var/lib/postern-policyd/policy postern-policyd", "/var/lib/postern-policyd/tables postern-policyd"} {
		file, owner, _ := strings.Cut(path, " ")
		if got := must(t, "stat -c %U "+file); got != owner {
			t.Errorf("%s is %s's, want %s", file, got, owner)
		}
	}
	for _, unit := range []string{"postern-socketmap", "postern-policyd", "postern-srsd"} {
		if log := must(t, "journalctl --no-pager -o cat -p warning -u "+unit+" _SYSTEMD_INVOCATION_ID="+property(t, unit, "InvocationID")); log != "" {
			t.Errorf("%s warns:\n%s", unit, log)
		}
	}
}

// TestAloneTCPTable serves a table at a port that is not in the shipped
// configuration.
func TestAloneTCPTable(t *testing.T) {
	before := must(t, "cat "+configFile)
	if err := write(configFile, before+"\ntcptable:\n  - {listen: inet:127.0.0.1:10005, map: virtual}\n", 0o640); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, write(configFile, before+"\n", 0o640)) })
	begin(t, "postern-tcptable")
	await(t, "an answer", func() bool {
		out, err := output("postmap -q info@example.org tcp:127.0.0.1:10005")
		return err == nil && strings.TrimSpace(out) == "someone@example.net"
	})
}

// TestAllOrAlone has the units of one way end those of the other.
func TestAllOrAlone(t *testing.T) {
	begin(t, "postern")
	answers(t, "virtual", "info@example.org", "someone@example.net")
	must(t, "systemctl start postern-socketmap")
	if got := property(t, "postern.service", "ActiveState") + " " + property(t, "postern.socket", "ActiveState"); got != "inactive inactive" {
		t.Errorf("postern.service and .socket beside postern-socketmap: %s", got)
	}
	answers(t, "virtual", "info@example.org", "someone@example.net")
	must(t, "systemctl start postern")
	for _, unit := range alone() {
		if got := property(t, unit+".service", "ActiveState"); got != "inactive" {
			t.Errorf("%s beside postern: %s", unit, got)
		}
	}
	answers(t, "virtual", "info@example.org", "someone@example.net")
}
