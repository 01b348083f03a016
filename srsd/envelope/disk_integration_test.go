//go:build integration

package envelope

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/internal/scratch/scratchtest"
)

// smallDisk is a file system of its own.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	scratchtest.SmallDisk(t, dir, size)
	return dir
}

// TestFullDisk: a sender that cannot be stored is trouble, one that is stored
// comes back, a renewal of the same day too; with room all goes on.
func TestFullDisk(t *testing.T) {
	for _, exact := range []bool{false, true} {
		t.Run(fmt.Sprintf("exact %v", exact), func(t *testing.T) {
			dir := smallDisk(t, "1m")
			path := filepath.Join(dir, "senders.db")
			s := subject{Store: open(t, "sqlite:"+path, Options{Exact: exact})}
			s.put(t, "a@b.c")
			filler := scratchtest.FillDisk(t, dir)
			stored, err := 0, error(nil)
			for ; err == nil && stored < 1000; stored++ { // free pages of the file take some
				address := fmt.Sprintf("%d@%s.example.com", stored, strings.Repeat("x", 400))
				err = s.Put(t.Context(), Alias(address), address)
			}
			fails(t, err, "envelope store: put: the disk is full")
			s.gives(t, Alias("a@b.c"), "a@b.c")
			if !exact {
				s.put(t, "a@b.c")
			}
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			s.put(t, "x@y")
			s.gives(t, Alias("x@y"), "x@y")
			var verdict string
			if err := plainly(t, path).Get(&verdict, "PRAGMA integrity_check"); err != nil || verdict != "ok" {
				t.Errorf("%s, %v", verdict, err)
			}
		})
	}
}

// TestOpenOnFullDisk: the daemon starts, and the store works when there is room.
func TestOpenOnFullDisk(t *testing.T) {
	dir := smallDisk(t, "256k")
	filler := scratchtest.FillDisk(t, dir)
	var log bytes.Buffer
	s := subject{Store: open(t, "sqlite:"+filepath.Join(dir, "senders.db"), Options{Log: slog.New(slog.NewTextHandler(&log, nil))})}
	fails(t, s.Put(t.Context(), Alias("a@b.c"), "a@b.c"), "the disk is full")
	_, _, err := s.Get(t.Context(), Alias("a@b.c"))
	fails(t, err, "the disk is full")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	s.put(t, "a@b.c")
	s.gives(t, Alias("a@b.c"), "a@b.c")
	s.Close()
	if !strings.Contains(log.String(), "not ready yet") {
		t.Errorf("log: %s", log.String())
	}
}

func TestReadOnlyDisk(t *testing.T) {
	dir := smallDisk(t, "1m")
	at := "sqlite:" + filepath.Join(dir, "senders.db")
	s := subject{Store: open(t, at, Options{})}
	s.put(t, "a@b.c")
	s.Close()
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{at, "sqlite:" + filepath.Join(dir, "new.db")} {
		s, err := Open(t.Context(), at, Options{})
		if err == nil {
			s.Close()
		}
		fails(t, err, "read-only file system")
	}
}

// TestNoRights: a user who may not write is told what to do.
func TestNoRights(t *testing.T) {
	dir := t.TempDir()
	for path := dir; path != "/"; path = filepath.Dir(path) {
		if info, err := os.Stat(path); err == nil {
			os.Chmod(path, info.Mode()|0o005)
		}
	}
	s := subject{Store: open(t, "sqlite:"+filepath.Join(dir, "senders.db"), Options{})}
	s.put(t, "a@b.c")
	s.Close()
	binary := filepath.Join(dir, "child")
	content, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, content, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, file, want string
		mode             os.FileMode
	}{
		{"new file", "new.db", "must own the file and folder " + dir, 0o600},
		{"private file", "senders.db", "must own the file and folder " + dir, 0o600},
		{"readable file", "senders.db", "must own the file and folder " + dir, 0o644},
		{"writable file", "senders.db", "must own the file and folder " + dir, 0o666},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := os.Chmod(filepath.Join(dir, "senders.db"), test.mode); err != nil {
				t.Fatal(err)
			}
			child := exec.Command(binary)
			child.Dir = "/"
			child.Env = []string{childPath + "=" + filepath.Join(dir, test.file), childName + "=nobody"}
			child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			child.WaitDelay = time.Second
			output, err := child.CombinedOutput()
			if err == nil || !strings.Contains(string(output), test.want) {
				t.Errorf("%v, %s; want %q", err, output, test.want)
			}
		})
	}
}
