//go:build integration

package e2e

import (
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/internal/scratch"
)

// openFolder is a folder that Postfix's processes may enter.
func openFolder(t *testing.T) string {
	t.Helper()
	return openFolderIn(t, os.TempDir())
}

func openFolderIn(t *testing.T, parent string) string {
	t.Helper()
	dir, err := os.MkdirTemp(parent, "postern-e2e-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// settle makes a file look old: Postfix waits for one that may still be
// being written.
func settle(t *testing.T, path string) {
	t.Helper()
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
}

// freeAddr is a free HOST:PORT, another one each time.
func freeAddr(t *testing.T) string {
	t.Helper()
	return freeAddrs(t, 1)
}

// rowPorts is how many ports freeRow gives.
const rowPorts = 5

// freeRow is the first of some that are free in a row.
func freeRow(t *testing.T) string {
	t.Helper()
	return freeAddrs(t, rowPorts)
}

func freeAddrs(t *testing.T, n int) string {
	t.Helper()
	port, err := scratch.FreePorts(n)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// eventually waits until done.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func containsAll(s string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(s, part) {
			return false
		}
	}
	return true
}

// tail is the end of a text.
func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return "…" + s[len(s)-n:]
}
