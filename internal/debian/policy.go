package debian

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// policyMark tells our policy-rc.d from anybody else's.
const policyMark = "# Written by postern while it installs packages; see below what it does later.\n"

// policyTemplate is what invoke-rc.d(8) asks: 101 forbids. It forbids only while
// process %d still runs the program %s; after that it obeys the earlier policy.
const policyTemplate = "#!/bin/sh\n" + policyMark + `[ "$(readlink /proc/%d/exe)" = %s ] && exit 101
saved=%s
[ -x "$saved" ] && exec "$saved" "$@"
exit 0
`

// forbidServices puts a policy-rc.d into sbin that forbids to start services,
// and returns what undoes that. One program at a time can hold it.
func forbidServices(sbin, lockDir string) (restore func() error, err error) {
	lock, err := os.Open(lockDir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		lock.Close()
		return nil, err
	}
	policy := filepath.Join(sbin, "policy-rc.d")
	saved := policy + ".postern-saved"
	err = restorePolicy(policy, saved) // of a run that was killed
	if err == nil {
		err = replacePolicy(policy, saved)
	}
	if err != nil {
		lock.Close()
		return nil, err
	}
	return func() error {
		defer lock.Close()
		return restorePolicy(policy, saved)
	}, nil
}

// replacePolicy keeps the present file under a second name and then renames
// ours over the first, so that at no moment there is none.
func replacePolicy(policy, saved string) error {
	if err := os.Link(policy, saved); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	fresh := policy + ".postern-new"
	if err := os.WriteFile(fresh, []byte(policyScript(os.Getpid(), exe, saved)), 0o755); err != nil {
		return err
	}
	return os.Rename(fresh, policy)
}

// policyScript is policyTemplate for a process, its program and the name of
// the earlier policy.
func policyScript(pid int, exe, saved string) string {
	return fmt.Sprintf(policyTemplate, pid, quoteShell(exe), quoteShell(saved))
}

func quoteShell(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// restorePolicy brings the earlier file back, or removes ours if there was
// none. It does nothing if there is nothing of ours.
func restorePolicy(policy, saved string) error {
	if _, err := os.Lstat(saved); err == nil {
		return restoreSaved(policy, saved)
	}
	text, err := os.ReadFile(policy)
	if err == nil && bytes.Contains(text, []byte(policyMark)) {
		return os.Remove(policy)
	}
	return nil
}

// restoreSaved renames, unless both names are the same file still: rename(2)
// would then leave both.
func restoreSaved(policy, saved string) error {
	a, errA := os.Lstat(policy)
	b, errB := os.Lstat(saved)
	if errA == nil && errB == nil && os.SameFile(a, b) {
		return os.Remove(saved)
	}
	return os.Rename(saved, policy)
}
