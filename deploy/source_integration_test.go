//go:build integration

// Package deploy_test tries what is made of deploy/ without a host: that the
// package is the same wherever it is built, that lintian(1) likes it, that its
// versions sort, and the container image.
package deploy_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"postern/internal/packagetest"
)

// source is a copy of the repository to build in. The rest of the test has the
// umask, as have the files.
func source(t *testing.T, umask int) string {
	t.Helper()
	before := syscall.Umask(umask)
	t.Cleanup(func() { syscall.Umask(before) })
	dir := filepath.Join(t.TempDir(), fmt.Sprintf("checkout-%03o", umask))
	if err := packagetest.CopySource(context.Background(), "..", dir); err != nil {
		t.Fatal(err)
	}
	if umask&0o077 == 0o077 {
		run(t, dir, "chmod", "-R", "go-rwx", ".")
	}
	return dir
}

// run runs a program of the machine.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v:\n%s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}
