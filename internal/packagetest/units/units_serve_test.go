//go:build integration

package units

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestServe has Postfix ask postern, both started by systemd.
func TestServe(t *testing.T) {
	begin(t, "postern", "postfix")
	answers(t, "virtual", "info@example.org", "someone@example.net")
	for recipient, want := range map[string]string{"info@example.org": "250", "nobody@example.org": "550"} {
		if reply := rcpt(t, recipient); !strings.HasPrefix(reply, want) {
			t.Errorf("RCPT TO:<%s>: %q, want %s", recipient, reply, want)
		}
	}
	if status := must(t, "systemctl status --no-pager postern"); !strings.Contains(status, `Status: "serving`) {
		t.Errorf("systemctl status:\n%s", status)
	}
	if unused := must(t, "journalctl --no-pager -o cat -u postern | grep -c 'sockets were handed over' || true"); unused != "0" {
		t.Error("the socket unit has sockets that the shipped configuration does not name")
	}
	for path, want := range map[string]string{
		"/run/postern/serve.sock":               "postern postern 600",
		"/run/postern":                          "root postern 1770",
		"/var/lib/postern":                      "postern postern 700",
		"/var/spool/postfix/postern/socketmap":  "postern postfix 660",
		"/var/spool/postfix/postern/policy":     "postern postfix 660",
		"/var/spool/postfix/postern/from-guard": "postern postfix 660",
		"/var/lib/postern/tables":               "postern postern 700",
	} {
		if got := must(t, "stat -c '%U %G %a' "+path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	must(t, "postern health")
}

// rcpt is the reply of Postfix to a recipient, from a client on this host.
func rcpt(t *testing.T, recipient string) string {
	t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:25")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	r := bufio.NewReader(conn)
	var reply string
	for _, command := range []string{"", "HELO client.example.net", "MAIL FROM:<friend@example.net>", "RCPT TO:<" + recipient + ">"} {
		if command != "" {
			fmt.Fprintf(conn, "%s\r\n", command)
		}
		if reply, err = r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	return strings.TrimSpace(reply)
}

func TestReload(t *testing.T) {
	begin(t, "postern")
	pid := mainPID(t, "postern")
	must(t, "systemctl reload postern")
	logged(t, "postern", "msg=reloaded")
	if now := mainPID(t, "postern"); now != pid {
		t.Errorf("process %d, was %d before the reload", now, pid)
	}
	answers(t, "virtual", "info@example.org", "someone@example.net")
}

// TestWithoutSockets has postern make its own, which Postfix can ask, too.
func TestWithoutSockets(t *testing.T) {
	begin(t, "postern")
	must(t, "systemctl mask --runtime postern.socket")
	t.Cleanup(func() { must(t, "systemctl unmask --runtime postern.socket") })
	must(t, "systemctl stop postern.socket postern.service; systemctl start postern")
	answers(t, "virtual", "info@example.org", "someone@example.net")
	if got := must(t, "stat -c '%U %G %a' /var/spool/postfix/postern/socketmap"); got != "postern postfix 660" {
		t.Errorf("the socket: %s", got)
	}
}

// TestSecrets has files of root alone, which reach the daemon and nobody else.
func TestSecrets(t *testing.T) {
	begin(t, "postern")
	pid := mainPID(t, "postern")
	must(t, fmt.Sprintf("test $(ps -o user= -p %d) = postern", pid))
	secrets := []string{passwordFile, secretsFile, "/run/credentials/postern.service/srs.secret", "/run/credentials/postern.service/database.password", "/var/lib/postern/tables/alias.table"}
	for _, path := range secrets {
		must(t, "test -s "+path) // for root it is there
	}
	must(t, "runuser -u postern -- test -w /run/postern/serve.sock")
	for _, user := range []string{"nobody", "postfix", "postern-srsd -G postern", "postern-policyd -G postern"} { // in the groups of the units
		for _, path := range secrets {
			if err := sh("runuser -u " + user + " -- test -r " + path); err == nil {
				t.Errorf("%s can read %s", user, path)
			}
		}
		if err := sh("runuser -u " + user + " -- test -w /run/postern/serve.sock"); err == nil {
			t.Errorf("%s can talk to the control socket", user)
		}
	}
	must(t, "runuser -u postern-srsd -G postern -- test -r "+configFile)
	answers(t, "srs-forward", "friend@example.net", must(t, "postern srs forward friend@example.net"))
	if environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); err != nil || strings.Contains(string(environ), databasePassword) {
		t.Errorf("the password is in the environment, %v", err)
	}
}

// TestMissingSecret has a daemon start that says what is missing, and come up by
// itself when it is there.
func TestMissingSecret(t *testing.T) {
	begin(t, "mariadb")
	must(t, "mv "+secretsFile+" /root/")
	t.Cleanup(func() { must(t, "[ ! -e /root/srs.secret ] || mv /root/srs.secret "+secretsFile) })
	must(t, "systemctl start --no-block postern")
	logged(t, "postern", "postern srs rotate")
	must(t, "mv /root/srs.secret "+secretsFile)
	await(t, "postern is up", func() bool { return property(t, "postern", "ActiveState") == "active" })
	answers(t, "virtual", "info@example.org", "someone@example.net")
}

// TestCrash kills the process: whoever asks then has an answer of the next one.
func TestCrash(t *testing.T) {
	begin(t, "postern")
	pid := mainPID(t, "postern")
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	answers(t, "virtual", "info@example.org", "someone@example.net")
	if now := mainPID(t, "postern"); now == pid || now == 0 {
		t.Errorf("process %d after %d was killed", now, pid)
	}
}

// TestStopped has the first question start the daemon.
func TestStopped(t *testing.T) {
	begin(t, "postern.socket")
	if pid := mainPID(t, "postern"); pid != 0 {
		t.Fatalf("process %d runs already", pid)
	}
	answers(t, "virtual", "info@example.org", "someone@example.net")
}

// TestWatchdog stops the process with SIGSTOP, as a bug would. A busy machine
// must not take the time that a good process needs to give a sign of life.
func TestWatchdog(t *testing.T) {
	must(t, "mkdir -p /run/systemd/system/postern.service.d && printf '[Service]\\nWatchdogSec=5s\\n' >/run/systemd/system/postern.service.d/test.conf && systemctl daemon-reload")
	t.Cleanup(func() { must(t, "rm -r /run/systemd/system/postern.service.d && systemctl daemon-reload") })
	begin(t, "postern")
	pid := mainPID(t, "postern")
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	await(t, "another process", func() bool { now := mainPID(t, "postern"); return now != 0 && now != pid })
	answers(t, "virtual", "info@example.org", "someone@example.net")
	logged(t, "postern", "Watchdog timeout")
}
