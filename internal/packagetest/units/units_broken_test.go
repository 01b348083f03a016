//go:build integration

package units

import (
	"strings"
	"testing"
)

// TestBadConfiguration has a daemon start on a file that it refuses: the reason
// stands in systemctl status, the socket stays open, and who asks meanwhile has
// his answer when the file is mended, without a hand at the unit.
func TestBadConfiguration(t *testing.T) {
	before := must(t, "cat "+configFile)
	t.Cleanup(func() { check(t, write(configFile, before+"\n", 0o640)) })
	check(t, write(configFile, "nonsense: true\n", 0o640))
	begin(t, "mariadb", "postern.socket")
	mark := must(t, "date +%s.%N")
	answer := make(chan error, 1)
	var got string
	go func() {
		out, err := output("runuser -u postfix -- postmap -q info@example.org socketmap:unix:/var/spool/postfix/postern/socketmap:virtual")
		got = strings.TrimSpace(out)
		answer <- err
	}()
	await(t, "it was tried again", func() bool {
		log, _ := output("journalctl --sync; journalctl --no-pager -o cat -u postern --since=@" + mark)
		return strings.Count(log, "status=78/CONFIG") > 1
	})
	await(t, "systemctl status has the reason", func() bool {
		status, _ := output("journalctl --sync; systemctl status --no-pager --full postern") // exit status 3: it does not run
		return strings.Contains(status, "nonsense") && strings.Contains(status, "status=78/CONFIG")
	})
	if state := property(t, "postern.socket", "ActiveState"); state != "active" {
		t.Errorf("postern.socket is %s", state)
	}
	check(t, write(configFile, before+"\n", 0o640))
	if err := <-answer; err != nil || got != "someone@example.net" {
		t.Errorf("who asked meanwhile has %q, %v", got, err)
	}
}
