//go:build integration

package machine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/scratch/machine"
	"postern/internal/scratch/trixie"
)

// shell runs commands inside.
func shell(script string) error {
	cmd := exec.Command("/bin/sh", "-euxc", script)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// booted looks at the machine as a program inside does: systemd is process 1,
// and of Debian's services only those run that we name.
func booted(args []string) error {
	comm, err := os.ReadFile("/proc/1/comm")
	if err != nil || string(comm) != "systemd\n" {
		return fmt.Errorf("process 1 is %q, %v", comm, err)
	}
	if name, err := os.Hostname(); err != nil || name != args[0] {
		return fmt.Errorf("hostname %q, %v", name, err)
	}
	out, err := exec.Command("systemctl", "list-units", "--plain", "--no-legend", "--state=active,failed", "--type=service,timer").Output()
	if err != nil {
		return err
	}
	var units []string
	for line := range strings.Lines(string(out)) {
		units = append(units, strings.Fields(line)[0])
	}
	if got := strings.Join(units, " "); got != "systemd-journald.service systemd-tmpfiles-setup.service" {
		return fmt.Errorf("running: %s", got)
	}
	return nil
}

func TestBoot(t *testing.T) {
	for name, root := range map[string]func() (string, error){
		"this Debian": func() (string, error) { return "", nil },
		"Debian 13":   func() (string, error) { return trixie.Root(t.Context(), os.Stderr) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := root()
			if err != nil {
				t.Fatal(err)
			}
			if status := inside(t, machine.Options{Root: dir, Hostname: "boot.test", Boot: true}, "booted", "boot.test"); status != 7 {
				t.Errorf("status %d", status)
			}
			// a unit with a mount namespace, a user of its own and a credential, and the journal
			script := `systemd-run -q --wait --collect -p DynamicUser=yes -p ProtectSystem=strict -p PrivateTmp=yes -p PrivateDevices=yes -p ProtectProc=invisible \
	-p LoadCredential=there:/etc/shadow -u boot-test sh -c 'set -e; grep -q root: $CREDENTIALS_DIRECTORY/there; ! touch /etc/x 2>/dev/null && echo "it is strict"'
journalctl --sync; journalctl -u boot-test -o cat | grep "it is strict"`
			if status := inside(t, machine.Options{Root: dir, Boot: true}, "sh", script); status != 7 {
				t.Errorf("status %d", status)
			}
		})
	}
}

// TestTwoBootedMachines have nothing to do with one another, and leave nothing.
func TestTwoBootedMachines(t *testing.T) {
	t.Run("at once", func(t *testing.T) {
		for _, name := range []string{"one", "two"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				if status := inside(t, machine.Options{Hostname: name, Boot: true}, "booted", name); status != 7 {
					t.Errorf("status %d", status)
				}
			})
		}
	})
	look := exec.Command("unshare", "-m", "sh", "-c", "mount -t cgroup2 cgroup2 /mnt && ls /mnt")
	out, err := look.Output()
	if err != nil {
		t.Fatal(err)
	}
	if mine := fmt.Sprintf("postern-machine-%d-", os.Getpid()); bytes.Contains(out, []byte(mine)) {
		t.Errorf("control groups are left:\n%s", out)
	}
}

func TestStatusInABootedMachine(t *testing.T) {
	if status := inside(t, machine.Options{Boot: true}, "write", "/nowhere/at/all"); status != 1 {
		t.Errorf("status %d, want 1", status)
	}
	ctx, cancel := context.WithCancel(t.Context())
	dir := t.TempDir()
	go func() {
		defer cancel()
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			if _, err := os.Stat(filepath.Join(dir, "alive")); err == nil {
				return
			}
		}
	}()
	if _, err := machine.Run(ctx, machine.Options{Boot: true, Binds: []machine.Bind{{From: dir}, here()}}, "listen", dir); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}
