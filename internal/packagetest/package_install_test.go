//go:build integration

package packagetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// units are all that the package brings.
func units(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("/usr/lib/systemd/system/postern*.s*")
	if err != nil || len(paths) < 5 {
		t.Fatalf("units %q, %v", paths, err)
	}
	var names []string
	for _, path := range paths {
		names = append(names, filepath.Base(path))
	}
	return names
}

// quiet wants that nothing was started, nor would be at the next boot.
func quiet(t *testing.T) {
	t.Helper()
	for _, unit := range units(t) {
		if state := property(t, unit, "ActiveState"); state != "inactive" {
			t.Errorf("%s is %s", unit, state)
		}
		if state := property(t, unit, "UnitFileState"); state != "disabled" {
			t.Errorf("%s is %s", unit, state)
		}
	}
}

// TestInstallingStartsNothing and purging leaves no trace.
func TestInstallingStartsNothing(t *testing.T) {
	purged(t)
	before := traces(t)
	install(t, "1.0.0")
	quiet(t)
	want := map[string]string{
		"/etc/postern":               "750 root:postern",
		"/etc/postern/postern.yaml":  "640 root:postern",
		"/usr/bin/postern":           "755 root:root",
		"/run/postern":               "1770 root:postern",
		"/var/spool/postfix/postern": "2750 postern:postfix",
		"/var/lib/postern":           "700 postern:postern",
	}
	for path, want := range want {
		if got := strings.TrimSpace(sh(t, "stat -c '%a %U:%G' "+path)); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	if got := sh(t, "postern version"); !strings.HasPrefix(got, "postern 1.0.0 ") {
		t.Errorf("version %q", got)
	}
	if out, err := try("postern health"); err == nil || !strings.Contains(out, "no daemon answers") {
		t.Errorf("the example is no good configuration: %s", out)
	}
	if out, err := try("dpkg -V postern"); err != nil {
		t.Errorf("dpkg -V: %s", out)
	}
	out := sh(t, "dpkg -i "+deb("1.0.0")+"; dpkg -P postern")
	if strings.Contains(out, "postern: ") {
		t.Errorf("something was wrong:\n%s", out)
	}
	sameTraces(t, before, traces(t))
}

// TestPurgingAfterUse: enabled, running, with secrets and state.
func TestPurgingAfterUse(t *testing.T) {
	purged(t)
	before := traces(t)
	install(t, "1.0.0")
	configure(t)
	sh(t, "echo secret >/etc/postern/srs.secret; systemctl enable --now postern")
	if found, err := ask("info@example.org"); err != nil || found != "OK someone@example.net" {
		t.Fatalf("%q, %v", found, err)
	}
	sh(t, "dpkg -P postern")
	if out := sh(t, "ps -e -o comm="); strings.Contains(out, "postern") {
		t.Errorf("it runs still:\n%s", out)
	}
	sameTraces(t, before, traces(t))
}

// TestRemovingKeepsWhatTheAdministratorMade, and a new installation goes on with it.
func TestRemovingKeepsWhatTheAdministratorMade(t *testing.T) {
	purged(t)
	install(t, "1.0.0")
	configure(t)
	sh(t, "echo secret >/etc/postern/srs.secret; systemctl enable --now postern; dpkg -r postern")
	if out, err := try("pgrep -x postern"); err == nil {
		t.Errorf("it runs still: %s", out)
	}
	for _, path := range []string{"/etc/postern/srs.secret", "/var/lib/postern", "/etc/systemd/system/multi-user.target.wants/postern.service"} {
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
	install(t, "1.0.0")
	if text, err := os.ReadFile("/etc/postern/postern.yaml"); err != nil || string(text) != configuration {
		t.Errorf("%s, %v", text, err)
	}
	if state := property(t, "postern.service", "UnitFileState"); state != "enabled" {
		t.Errorf("state %s", state)
	}
}

// TestInstallingWithoutSystemd, as in the making of an image.
func TestInstallingWithoutSystemd(t *testing.T) {
	purged(t)
	out := sh(t, `unshare -m /bin/bash -euc '
mount -t tmpfs run /run
dpkg -i `+deb("1.0.0")+`; dpkg -i `+deb("1.1.0")+`
stat -c %U:%G /etc/postern
getent passwd postern-srsd
dpkg -P postern
! getent passwd postern
ls -A /run'`)
	if !strings.Contains(out, "root:postern\n") || strings.Contains(out, "System has not been booted") {
		t.Errorf("%s", out)
	}
}

// withoutPostfix has the host as it is before Postfix comes, and returns what
// installing Postfix does as far as we see it: its user and group, its queue
// directory, and the trigger of its program.
func withoutPostfix(t *testing.T) (postfixComes func()) {
	t.Helper()
	sh(t, `mkdir /root/before && cp -a /etc/passwd /etc/shadow /etc/group /etc/gshadow /var/lib/dpkg/statoverride /root/before
mv /var/spool/postfix /root/before
sed -i /postfix/d /var/lib/dpkg/statoverride
userdel postfix; ! getent group postfix || groupdel postfix`)
	back := `[ -d /root/before/postfix ] || exit 0
[ ! -d /var/spool/postfix ] || cp -a -T /var/spool/postfix /root/before/postfix
rm -rf /var/spool/postfix; mv /root/before/postfix /var/spool/
mv /root/before/statoverride /var/lib/dpkg/
for name in passwd shadow group gshadow; do
	grep ^postfix: /root/before/$name >>/etc/$name
done
rm -r /root/before`
	t.Cleanup(func() { sh(t, back) })
	return func() {
		sh(t, back+"\ndpkg-trigger --no-await --by-package=postfix /usr/lib/postfix/sbin/master; dpkg --triggers-only --pending")
	}
}

// TestInstalledAndStartedBeforePostfix: what could not work without Postfix
// works when it has come, without a hand.
func TestInstalledAndStartedBeforePostfix(t *testing.T) {
	purged(t)
	postfixComes := withoutPostfix(t)
	if out := install(t, "1.0.0"); !strings.Contains(out, "it is made when Postfix is installed") {
		t.Errorf("it does not say what is missing:\n%s", out)
	}
	configure(t)
	sh(t, "systemctl enable postern; systemctl start --no-block postern")
	for end := time.Now().Add(askTime); property(t, "postern.socket", "Result") == "success" || property(t, "postern.service", "NRestarts") == "0"; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing is missing without Postfix")
		}
	}
	postfixComes()
	for end := time.Now().Add(askTime); ; time.Sleep(50 * time.Millisecond) {
		found, err := ask("info@example.org")
		if err == nil && found == "OK someone@example.net" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%q, %v\n%s", found, err, sh(t, "systemctl status --no-pager postern.socket postern.service || true"))
		}
	}
	for path, want := range map[string]string{"": "2750 postern:postfix", "/socketmap": "660 postern:postfix", "/policy": "660 postern:postfix"} {
		if got := strings.TrimSpace(sh(t, "stat -c '%a %U:%G' /var/spool/postfix/postern"+path)); got != want {
			t.Errorf("postern%s is %s, want %s", path, got, want)
		}
	}
	if state := property(t, "postern.socket", "ActiveState"); state != "active" {
		t.Errorf("postern.socket is %s", state)
	}
}

// TestInterrupted: what kills the installation in its midst is mended by the
// next try.
func TestInterrupted(t *testing.T) {
	for _, program := range []string{"systemd-sysusers", "systemd-tmpfiles", "chgrp", "systemctl"} {
		t.Run(program, func(t *testing.T) {
			purged(t)
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, program), []byte("#!/bin/sh\nkill -9 $PPID\nsleep 1\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			out, err := try("PATH=" + dir + ":$PATH dpkg -i " + deb("1.0.0"))
			if err == nil || !strings.Contains(out, "Killed") {
				t.Fatalf("it went through: %s", out)
			}
			sh(t, "dpkg --configure -a")
			if got := strings.TrimSpace(sh(t, "stat -c '%U:%G' /etc/postern/postern.yaml; dpkg-query -W -f '${db:Status-Abbrev}' postern")); got != "root:postern\nii" {
				t.Errorf("%s", got)
			}
			quiet(t)
		})
	}
}
