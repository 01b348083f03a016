package supervise

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// deathSignal is what the kernel sends a worker when its parent dies. Before a
// worker listens to the parent it ends by it. Later it ends by it if the
// parent is gone indeed: the kernel also sends it when the thread that started
// the worker ends.
const deathSignal = syscall.SIGTERM

// confine gives up the root directory and the user, for good.
func (i identity) confine() error {
	// The time zone is read at its first use, and is not in the chroot.
	_, _ = time.Now().Zone()
	if i.Chroot != "" {
		if err := changeRoot(i.Chroot); err != nil {
			return fmt.Errorf("chroot: %w", err)
		}
	}
	if i.User != "" {
		if err := i.become(); err != nil {
			return fmt.Errorf("user %s: %w", i.User, err)
		}
	}
	return nil
}

func changeRoot(dir string) error {
	if err := syscall.Chroot(dir); err != nil {
		if errors.Is(err, syscall.EPERM) {
			err = fmt.Errorf("only root can: %w", err)
		}
		return fmt.Errorf("%s: %w", dir, err)
	}
	return os.Chdir("/")
}

// become changes the user of every thread of the process. Whoever is that user
// already, without a way to another, has nothing to give up.
func (i identity) become() error {
	if os.Geteuid() != 0 && i.isOurs() {
		return i.verify()
	}
	// The groups first: the user that follows may no longer change them.
	for _, step := range []struct {
		what string
		err  func() error
	}{
		{"supplementary groups", func() error { return syscall.Setgroups(nil) }},
		{"group", func() error { return syscall.Setgid(i.GID) }},
		{"user", func() error { return syscall.Setuid(i.UID) }},
	} {
		err := step.err()
		if errors.Is(err, syscall.EPERM) {
			err = fmt.Errorf("only root can change it: %w", err)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	if groups, err := os.Getgroups(); err != nil || len(groups) > 0 {
		return fmt.Errorf("supplementary groups %v stayed: %w", groups, err)
	}
	return i.verify()
}

// isOurs reports whether the process has no other identity than i.
func (i identity) isOurs() bool {
	ru, eu, su := unix.Getresuid()
	rg, eg, sg := unix.Getresgid()
	return ru == i.UID && eu == i.UID && su == i.UID && rg == i.GID && eg == i.GID && sg == i.GID
}

// verify makes sure that there is no way back.
func (i identity) verify() error {
	if !i.isOurs() {
		return errors.New("the process has another user or group yet")
	}
	if i.UID == 0 {
		return nil
	}
	if syscall.Setuid(0) == nil {
		return errors.New("the process could become root again: take CAP_SETUID from it")
	}
	if i.GID != 0 && syscall.Setgid(0) == nil {
		return errors.New("the process could get the group of root again: take CAP_SETGID from it")
	}
	return nil
}

// hideMemory keeps the secrets out of core dumps, and other processes of the
// same user from reading them (ptrace(2)).
func hideMemory() {
	unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}

// mournAgain has the kernel send deathSignal once more: a change of the user
// cancels what was agreed before (PR_SET_PDEATHSIG(2const)).
func mournAgain() {
	unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(deathSignal), 0, 0, 0)
}
