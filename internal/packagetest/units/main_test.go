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
	"os/exec"
	"path/filepath"
	"testing"

	"postern/internal/scratch/machine"
	"postern/internal/scratch/trixie"
)

// program is where the package puts postern.
const program = "/usr/bin/postern"

func TestMain(m *testing.M) {
	run := runOutside
	if machine.Inside() {
		run = func() (int, error) { return runInside(m) }
	}
	status, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "units:", err)
		status = 1
	}
	os.Exit(status)
}

// runOutside builds the program and runs this test binary in a machine.
func runOutside() (int, error) {
	ctx := context.Background()
	root, err := trixie.Chosen(ctx, os.Stderr)
	if err != nil {
		return 0, err
	}
	repository, err := filepath.Abs("../../..")
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "postern-units-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", dir, "postern/cmd/postern")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build: %w: %s", err, out)
	}
	return machine.Run(ctx, machine.Options{
		Root:     root,
		Hostname: "mx.example.org",
		Boot:     true,
		Binds: []machine.Bind{
			{From: repository, ReadOnly: true},
			{From: filepath.Join(dir, "postern"), To: program, ReadOnly: true},
		},
	}, machine.TestFlags(os.Args[1:])...)
}

// runInside makes the host and runs the tests.
func runInside(m *testing.M) (int, error) {
	if err := install(); err != nil {
		return 0, err
	}
	return m.Run(), nil
}
