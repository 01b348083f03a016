//go:build integration

package packagetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
