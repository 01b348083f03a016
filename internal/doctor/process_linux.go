package doctor

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// becomeUser changes user and group of this thread alone: the functions of
// package syscall change them for all.
func becomeUser(uid, gid uint32) error {
	groups := []uint32{gid}
	if err := setGroups(groups); err != 0 {
		return os.NewSyscallError("setgroups", err)
	}
	if _, _, err := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)); err != 0 {
		return os.NewSyscallError("setresgid", err)
	}
	if _, _, err := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); err != 0 {
		return os.NewSyscallError("setresuid", err)
	}
	return nil
}

// setGroups sets the groups of this thread: Postfix keeps one, that of its user.
func setGroups(groups []uint32) unix.Errno {
	_, _, err := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&groups[0])), 0)
	return err
}
