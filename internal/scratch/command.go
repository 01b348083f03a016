package scratch

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// command prepares a program of a package, on this machine or under root.
func command(root, program, pkg string, args ...string) (*exec.Cmd, error) {
	path := findProgram(root, program)
	if path == "" {
		return nil, fmt.Errorf("%s is not installed%s: apt-get install %s", program, inRoot(root), pkg)
	}
	cmd := exec.Command(path, args...)
	if root != "" {
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
		cmd.Dir = "/"
		cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	}
	return cmd, nil
}

func inRoot(root string) string {
	if root == "" {
		return ""
	}
	return " in " + root
}

// findProgram looks where Debian puts programs; /usr/sbin is not in the PATH
// of everybody.
func findProgram(root, program string) string {
	for _, dir := range []string{"/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"} {
		path := filepath.Join(dir, program)
		if info, err := os.Stat(filepath.Join(root, path)); err == nil && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// inside is a path below root as a program that runs there sees it.
func inside(root, path string) string {
	return strings.TrimPrefix(path, strings.TrimSuffix(root, "/"))
}
