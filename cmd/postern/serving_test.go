package main

import (
	"os/exec"
	"syscall"
	"testing"

	"postern/internal/logtest"
)

// startConfigured runs `postern serve` with a configuration until the test ends,
// and shows its log where the test fails.
func startConfigured(t *testing.T, path string) {
	t.Helper()
	var log logtest.Log
	serve := exec.Command("postern", "serve", "--config", path)
	serve.Stderr = &log
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = serve.Process.Signal(syscall.SIGTERM)
		if err := serve.Wait(); err != nil || t.Failed() {
			t.Logf("serve: %v\n%s", err, log.String())
		}
	})
}
