package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/store"
)

// TestWhyBansAreMissing: who asks for the health of a policy daemon without bans is
// told what is in the way.
func TestWhyBansAreMissing(t *testing.T) {
	dir := t.TempDir()
	database, path := filepath.Join(dir, "postern.db"), filepath.Join(dir, "postern.yaml")
	if err := store.InitSQLite(database); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(store.Options{Driver: "sqlite", Path: database, MaxConnections: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.DB().Exec("ALTER TABLE api_bans RENAME COLUMN ban_value TO other")
	s.Close()
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("database: {driver: sqlite, path: %s}\ncontrol: %s/control\nstate_dir: %[2]s/state\nmetrics: {listen: \"off\"}\npolicyd: {listen: [\"unix:%[2]s/policy\"], chains: {gate: [bans]}}\n", database, dir)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	startConfigured(t, path)
	var said []byte
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		said, _ = exec.Command("postern", "health", "--config", path).Output() // not ready is an exit status of its own
		if strings.Contains(string(said), "policyd: the bans are not loaded yet: ") && strings.Contains(string(said), "no such column: ban_value") {
			return
		}
	}
	t.Errorf("health says %q", said)
}
