package doctor

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// setGroups sets the groups of this thread: Postfix keeps one, that of its user.
func setGroups(groups []uint32) unix.Errno {
	_, _, err := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&groups[0])), 0)
	return err
}
