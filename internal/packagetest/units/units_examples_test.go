//go:build integration

package units

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// dropIn has an example in force until the end of the test.
func dropIn(t *testing.T, unit, example string) {
	t.Helper()
	dir := "/etc/systemd/system/" + unit + ".service.d"
	must(t, "mkdir -p "+dir+" && cp "+deploy+"/systemd/examples/"+example+" "+dir+" && systemctl daemon-reload")
	t.Cleanup(func() { must(t, "systemctl stop "+unit+"; rm -r "+dir+" && systemctl daemon-reload") })
}

// TestNotifyReload has systemctl wait for the end of a reload, where systemd can;
// an older one says that it cannot, which is why the unit itself does without.
func TestNotifyReload(t *testing.T) {
	dropIn(t, "postern", "notify-reload.conf")
	version, err := strconv.Atoi(strings.Fields(must(t, "systemctl --version"))[1])
	if err != nil {
		t.Fatal(err)
	}
	if version < 253 {
		out, _ := exec.Command("systemd-analyze", "verify", "--man=no", "postern.service").CombinedOutput()
		if !strings.Contains(string(out), "notify-reload") {
			t.Errorf("systemd %d does not complain: %s", version, out)
		}
		return
	}
	begin(t, "postern")
	pid := mainPID(t, "postern")
	for n := range 5 {
		must(t, "systemctl reload postern")
		invocation := property(t, "postern", "InvocationID")
		if got := must(t, "journalctl --sync; journalctl --no-pager -o cat _SYSTEMD_INVOCATION_ID="+invocation+" | grep -c msg=reloaded"); got != strconv.Itoa(n+1) {
			t.Errorf("%s reloads have ended when systemctl has, want %d", got, n+1)
		}
	}
	if now := mainPID(t, "postern"); now != pid {
		t.Errorf("process %d, was %d", now, pid)
	}
	answers(t, "virtual", "info@example.org", "someone@example.net")
}

// TestPostSRSd runs srsd on PostSRSd's own file: a parent of root, a worker of
// the user that the file names.
func TestPostSRSd(t *testing.T) {
	dropIn(t, "postern-srsd", "postern-srsd-postsrsd.conf")
	score(t, "/usr/lib/systemd/system/postern-srsd.service", "21") // it begins as root
	if out, err := exec.Command("systemd-analyze", "verify", "--man=no", "postern-srsd.service").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	must(t, "id postsrsd >/dev/null 2>&1 || useradd -r postsrsd; mkdir -p /var/lib/postsrsd")
	check(t, write("/etc/postsrsd.secret", "a-secret-of-postsrsd\n", 0o600))
	check(t, write("/etc/default/postsrsd", "SRS_DOMAIN=srs.example.org\nSRS_SEPARATOR==\nSRS_SECRET=/etc/postsrsd.secret\nSRS_HASHLENGTH=4\nSRS_HASHMIN=4\n"+
		"SRS_FORWARD_PORT=10001\nSRS_REVERSE_PORT=10002\nRUN_AS=postsrsd\nSRS_LISTEN_ADDR=127.0.0.1\nCHROOT=/var/lib/postsrsd\n", 0o644))
	must(t, "systemctl mask --runtime --now postern-srsd.socket")
	t.Cleanup(func() { must(t, "systemctl unmask --runtime postern-srsd.socket") })
	begin(t, "postern-srsd")
	forward := func() string { return must(t, "postmap -q friend@example.net tcp:127.0.0.1:10001") }
	address := forward()
	if !regexp.MustCompile(`^SRS0=.{4}=..=example\.net=friend@srs\.example\.org$`).MatchString(address) {
		t.Errorf("forward: %q", address)
	}
	if got := must(t, "postmap -q "+address+" tcp:127.0.0.1:10002"); got != "friend@example.net" {
		t.Errorf("reverse: %q", got)
	}
	parent := mainPID(t, "postern-srsd")
	users := strings.Fields(must(t, fmt.Sprintf("ps -o user:20= -p %d; ps -o user:20= --ppid %d", parent, parent)))
	if strings.Join(users, " ") != "root postsrsd" {
		t.Errorf("parent and worker are of %q", users)
	}
	must(t, "systemctl reload postern-srsd")
	if got := forward(); got != address {
		t.Errorf("after a reload: %q", got)
	}
	must(t, "systemctl stop postern-srsd")
	if got := property(t, "postern-srsd", "Result"); got != "success" {
		t.Errorf("the stop: %s", got)
	}
}
