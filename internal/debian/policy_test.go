package debian

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// exitCode runs a policy-rc.d as invoke-rc.d does.
func exitCode(t *testing.T, policy string) int {
	t.Helper()
	err := exec.Command(policy, "mariadb", "start").Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit == nil {
		return 0
	}
	return exit.ExitCode()
}

func writePolicy(t *testing.T, path, body string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestForbidServices(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(t *testing.T, sbin, policy string)
		after   int // what the policy says afterwards; -1: there is none
	}{
		{"no policy", func(*testing.T, string, string) {}, -1},
		{"a policy of the machine", func(t *testing.T, _, policy string) { writePolicy(t, policy, "exit 42") }, 42},
		{"a symbolic link", func(t *testing.T, sbin, policy string) {
			writePolicy(t, filepath.Join(sbin, "elsewhere"), "exit 43")
			if err := os.Symlink("elsewhere", policy); err != nil {
				t.Fatal(err)
			}
		}, 43},
		{"killed before, no policy", func(t *testing.T, _, policy string) {
			if err := replacePolicy(policy, policy+".postern-saved"); err != nil {
				t.Fatal(err)
			}
		}, -1},
		{"killed before, a policy", func(t *testing.T, _, policy string) {
			writePolicy(t, policy, "exit 44")
			if err := replacePolicy(policy, policy+".postern-saved"); err != nil {
				t.Fatal(err)
			}
		}, 44},
		{"killed between link and rename", func(t *testing.T, _, policy string) {
			writePolicy(t, policy, "exit 45")
			if err := os.Link(policy, policy+".postern-saved"); err != nil {
				t.Fatal(err)
			}
		}, 45},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sbin := t.TempDir()
			policy := filepath.Join(sbin, "policy-rc.d")
			tt.prepare(t, sbin, policy)
			restore, err := forbidServices(sbin, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if code := exitCode(t, policy); code != 101 {
				t.Errorf("while installing: exit status %d, want 101", code)
			}
			if err := restore(); err != nil {
				t.Fatal(err)
			}
			checkAfter(t, sbin, policy, tt.after)
		})
	}
}

func checkAfter(t *testing.T, sbin, policy string, want int) {
	t.Helper()
	if _, err := os.Lstat(policy); want < 0 {
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("policy-rc.d is left: %v", err)
		}
	} else if code := exitCode(t, policy); code != want {
		t.Errorf("afterwards: exit status %d, want %d", code, want)
	}
	left, _ := filepath.Glob(filepath.Join(sbin, "*postern*"))
	if len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestPolicyOfAKilledRun(t *testing.T) {
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	sbin := filepath.Join(t.TempDir(), "it's odd")
	if err := os.Mkdir(sbin, 0o755); err != nil {
		t.Fatal(err)
	}
	policy, saved := filepath.Join(sbin, "policy-rc.d"), filepath.Join(sbin, "saved")
	script := policyScript(gone.Process.Pid, gone.Path, saved)
	if err := os.WriteFile(policy, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if code := exitCode(t, policy); code != 0 {
		t.Errorf("without an earlier policy: exit status %d, want 0", code)
	}
	writePolicy(t, saved, `[ "$2" = start ] && exit 46`)
	if code := exitCode(t, policy); code != 46 {
		t.Errorf("with an earlier policy: exit status %d, want 46", code)
	}
	if !strings.Contains(script, policyMark) {
		t.Error("the script cannot be recognised")
	}
}
