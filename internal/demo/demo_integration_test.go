//go:build integration

package demo

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// buildPostern makes the binary that the demo starts, where everybody can
// execute it.
func buildPostern(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "postern")
	if out, err := exec.Command("go", "build", "-o", binary, "postern/cmd/postern").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// TestOnce: a mail goes through, and the demo leaves nothing behind.
func TestOnce(t *testing.T) {
	before := leftovers(t)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	var out bytes.Buffer
	if err := Run(ctx, Options{Out: &out, Binary: buildPostern(t), Once: true}); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{
		"A mail went in:    from <friend@elsewhere.example>  to <Info+Demo@forward.example>",
		"to <owner+Demo@dest.example>",
		"socketmap:inet:127.0.0.1:",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, &out)
		}
	}
	if after := leftovers(t); after != before {
		t.Errorf("left behind: %s, before: %s", after, before)
	}
}

// TestWithoutRoot: the lookups alone, and a failure where the mail was asked
// for.
func TestWithoutRoot(t *testing.T) {
	binary := buildPostern(t)
	for dir := filepath.Dir(binary); dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		if err := exec.Command("chmod", "a+rx", dir).Run(); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(binary, "demo", "--once")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "Postfix starts as root only") || !strings.Contains(string(out), "postern query --config") {
		t.Errorf("%v\n%s", err, out)
	}
}

// leftovers are the scratch folders of the demo.
func leftovers(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/tmp/postern-demo-*")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(found, " ")
}
