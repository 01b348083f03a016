//go:build integration

// Package e2e runs postern as its own process between the real programs: two
// Postfixes that must not differ, a MariaDB that is killed, clients that
// misbehave, disks that are full.
//
// # What is shared
//
// TestMain builds the program once and starts one MariaDB. A test takes a
// database of its own on it (newDatabase), a daemon of its own (newDaemon)
// and, where mail has to go through, a Postfix and a sink of its own. Tests
// that kill the server bring it back.
//
// # Time
//
// Nothing is asserted about speed except the delays that are promised: those
// are measured from the event to the answer, on the wire, with room for a busy
// machine. Everything else is waited for with limits nobody should ever meet.
package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"postern/internal/scratch"
)

// shared is what all tests use.
var shared struct {
	binary string // postern
	db     *scratch.MariaDB
}

func TestMain(m *testing.M) {
	if helper := os.Getenv("E2E_HELPER"); helper != "" {
		os.Exit(runHelper(helper))
	}
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// runTests builds and starts what is shared, and ends it.
func runTests(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "postern-e2e-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // for tests as another user
		return 0, err
	}
	shared.binary = filepath.Join(dir, "postern")
	build := exec.Command("go", "build", "-o", shared.binary, "postern/cmd/postern")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build: %w: %s", err, out)
	}
	shared.db, err = scratch.StartMariaDB(context.Background(), scratch.MariaDBOptions{
		TLS: true, ExtraArgs: []string{"--max-connections=400"},
	})
	if err != nil {
		return 0, err
	}
	code := m.Run()
	return code, shared.db.Stop()
}
