//go:build integration

package packagetest

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// deb is the package of a version.
func deb(version string) string {
	return filepath.Join(os.Getenv(packagesVariable), "postern_"+version+"_"+runtime.GOARCH+".deb")
}

// sh runs a script and returns what it says. It has nobody to ask.
func sh(t *testing.T, script string) string {
	t.Helper()
	out, err := try(script)
	if err != nil {
		t.Fatalf("%s\n%v:\n%s", script, err, out)
	}
	return out
}

func try(script string) (string, error) {
	cmd := exec.Command("/bin/bash", "-euo", "pipefail", "-c", script)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// install installs or upgrades to a version.
func install(t *testing.T, version string) string {
	t.Helper()
	return sh(t, "dpkg -i "+deb(version))
}

// purged purges the package with the end of the test, and now.
func purged(t *testing.T) {
	t.Helper()
	purge := "dpkg -P postern; rm -rf /etc/systemd/system/postern* /etc/systemd/system/*.wants/postern*; systemctl daemon-reload"
	// Debian's hosts have these folders; the machine may have what runs of other tests left.
	sh(t, purge+`; mkdir -p /etc/systemd/system/multi-user.target.wants /etc/systemd/system/sockets.target.wants
rm -rf /etc/postern /var/lib/postern* /run/postern /var/spool/postfix/postern`)
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := try("journalctl --no-pager -n 60 -u 'postern*'")
			t.Log(out)
		}
		if out, err := try(purge); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
}

// property is one of systemctl show.
func property(t *testing.T, unit, name string) string {
	t.Helper()
	return strings.TrimSpace(sh(t, "systemctl show -P "+name+" "+unit))
}

// traces are what a purge has to leave as it was: each file with what can be
// told of it. What changes by itself is left out, and the copies that the tools
// for users keep.
func traces(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, root := range []string{"/etc", "/home", "/opt", "/run", "/srv", "/usr", "/var"} {
		tracesBelow(t, root, out)
	}
	return out
}

func tracesBelow(t *testing.T, root string, out map[string]string) {
	t.Helper()
	skip := map[string]bool{"/run/machine": true, "/run/systemd": true, "/run/log": true, "/run/lock": true,
		"/var/log": true, "/var/lib/dpkg": true, "/var/cache/man": true, "/etc/.pwd.lock": true}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // gone meanwhile
		}
		if skip[path] || strings.HasPrefix(path, "/var/cache/postern/") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasPrefix(path, "/etc/") && strings.HasSuffix(path, "-") {
			return nil
		}
		out[path] = trace(path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// trace is kind, mode, owner and, where that matters, what is in a file.
func trace(path string) string {
	info, err := os.Lstat(path)
	if err != nil {
		return err.Error()
	}
	stat := info.Sys().(*syscall.Stat_t)
	text := fmt.Sprintf("%v %d:%d", info.Mode(), stat.Uid, stat.Gid)
	if info.Mode().IsRegular() && strings.HasPrefix(path, "/etc/") {
		content, err := os.ReadFile(path)
		text += fmt.Sprintf(" %x %v", sha256.Sum256(content), err)
	}
	return text
}

// sameTraces compares.
func sameTraces(t *testing.T, before, after map[string]string) {
	t.Helper()
	for path, was := range before {
		if is, ok := after[path]; !ok {
			t.Errorf("%s is gone", path)
		} else if is != was {
			t.Errorf("%s was %s, is %s", path, was, is)
		}
	}
	for path, is := range after {
		if _, ok := before[path]; !ok {
			t.Errorf("%s is new: %s", path, is)
		}
	}
}

// configuration is one that needs no database.
const configuration = `maps:
  office: {file: /etc/postern/office}
socketmap:
  listen: [unix:/var/spool/postfix/postern/socketmap, inet:127.0.0.1:10003] # the port for policyd, where it runs alone
policyd:
  listen: [unix:/var/spool/postfix/postern/policy]
  from_guard: unix:/var/spool/postfix/postern/from-guard
  chains: {gate: [rate_limits]}
  rate_limits:
    - {name: client, key: client_address, count: messages, limit: 600/1m, contexts: [gate], mode: shadow}
state_dir: /var/lib/postern
control: /run/postern
metrics: {listen: off}
`

// configure puts that in its place as an administrator does, who keeps owner and mode.
func configure(t *testing.T) {
	t.Helper()
	if err := os.WriteFile("/etc/postern/postern.yaml", []byte(configuration), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("/etc/postern/office", []byte("info@example.org someone@example.net\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}
