//go:build integration

// Package units tests the shipped systemd units on a machine that systemd has
// booted, with Debian's own Postfix and MariaDB:
//
//	go test -tags integration ./internal/packagetest/units                        on this Debian
//	POSTERN_DEBIAN=trixie go test -tags integration ./internal/packagetest/units  inside Debian 13
//
// TestMain builds postern, boots a machine (package machine) and runs the test
// binary again inside. install_test.go puts the files where the package puts
// them. No test is parallel; each leaves the units stopped.
package units

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"postern/internal/packagetest"
	"postern/internal/scratch/machine"
)

// program is where the package puts postern.
const program = "/usr/bin/postern"

func TestMain(m *testing.M) {
	os.Exit(machine.Main(func() int { return runInside(m) }, func(ctx context.Context, repository, dir string) (machine.Options, error) {
		return machine.Options{
			Hostname: "mx.example.org",
			Boot:     true,
			Binds:    []machine.Bind{{From: filepath.Join(dir, "postern"), To: program, ReadOnly: true}},
		}, packagetest.BuildPrograms(ctx, repository, dir, "./cmd/postern")
	}))
}

// runInside makes the host and runs the tests.
func runInside(m *testing.M) int {
	if err := install(); err != nil {
		fmt.Fprintln(os.Stderr, "units:", err)
		return 1
	}
	return m.Run()
}
