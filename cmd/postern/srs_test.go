package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/config"
	"postern/srsd/envelope"
)

// TestStoreBelongsToTheFolder: whoever makes the store, root above all, the
// daemon that owns the folder can open it. Others own what they make.
func TestStoreBelongsToTheFolder(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	owner := os.Geteuid()
	if owner == 0 {
		owner = 65534
		if err := os.Chown(folder, owner, owner); err != nil {
			t.Fatal(err)
		}
	}
	const sender = "friend@other.example"
	at := "sqlite:" + filepath.Join(folder, "senders.db")
	for _, moment := range []string{"made", "opened again"} {
		w, err := newWorks(role{name: "srsd", command: true}, config.Defaults(), prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		store, err := openEnvelopes(context.Background(), at, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Put(context.Background(), envelope.Alias(sender), sender); err != nil {
			t.Error(err)
		}
		files, err := filepath.Glob(filepath.Join(folder, "*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%v, %v", files, err)
		}
		for _, file := range files {
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if uid := info.Sys().(*syscall.Stat_t).Uid; int(uid) != owner {
				t.Errorf("%s: %s belongs to %d, want %d", moment, filepath.Base(file), uid, owner)
			}
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}
