//go:build integration

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
	"postern/internal/status"
	"postern/socketmap"
)

// twoDatabases is a configuration whose database block has a password that the
// server does not take, while a .cf file asks another database of that server, for
// a table that is there, and another one for one that is not.
func twoDatabases(t *testing.T, m *scratch.MariaDB) (path string, asked socketmapAt, metrics string) {
	t.Helper()
	dir, free := t.TempDir(), &ports{}
	asked, metrics = socketmapAt(free.address(t)), free.address(t)
	cf := func(query string) string {
		return fmt.Sprintf("hosts = %s\nuser = legacy\npassword = right\ndbname = legacy\nquery = %s\n", m.Addr(), query)
	}
	for name, text := range map[string]string{
		"good.cf":    cf("SELECT v FROM pairs WHERE k = '%s'"),
		"lacking.cf": cf("SELECT v FROM gone WHERE k = '%s'"),
		"postern.yaml": fmt.Sprintf(`database: {driver: mysql, hosts: ["%s"], name: %s, user: %s, password: wrong}
maps: {good: {cf: %[4]s/good.cf}, lacking: {cf: %[4]s/lacking.cf}}
socketmap: {listen: ["inet:%[5]s"]}
metrics: {listen: "inet:%[6]s"}
control: %[4]s/control
state_dir: %[4]s/state
`, m.Addr(), m.Database(), m.User(), dir, asked, metrics),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "postern.yaml"), asked, metrics
}

type socketmapAt string

func (at socketmapAt) ask(t *testing.T, name string) error {
	t.Helper()
	c := socketmap.NewClient("tcp", string(at), name, socketmap.ClientOptions{})
	defer c.Close()
	_, _, err := c.Lookup(t.Context(), "a")
	return err
}

// TestStatusOfDatabases tells who refuses us from who lacks a table, by name.
func TestStatusOfDatabases(t *testing.T) {
	m := scratchtest.MariaDB(t, scratch.MariaDBOptions{})
	if err := m.Exec(t.Context(), "CREATE DATABASE legacy; CREATE TABLE legacy.pairs (k VARCHAR(9), v VARCHAR(9)); INSERT INTO legacy.pairs VALUES ('a', 'b'); CREATE USER legacy IDENTIFIED BY 'right'; GRANT ALL ON legacy.* TO legacy"); err != nil {
		t.Fatal(err)
	}
	path, maps, metrics := twoDatabases(t, m)
	startConfigured(t, path)
	refused, legacy := m.Addr()+"/"+m.Database(), m.Addr()+"/legacy"
	awaitStates(t, path, map[string]string{refused: "refuses us", legacy: "not asked yet"})
	if err := maps.ask(t, "good"); err != nil {
		t.Fatal(err)
	}
	awaitStates(t, path, map[string]string{refused: "refuses us", legacy: "up"})
	if err := maps.ask(t, "lacking"); err == nil {
		t.Fatal("a table that is not there was answered from")
	}
	awaitStates(t, path, map[string]string{refused: "refuses us", legacy: "up, but lacks a table"})

	_, page, err := page(metrics + "/")
	if err != nil {
		t.Fatal(err)
	}
	once, err := exec.Command("postern", "top", "--once", "--config", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	said, err := exec.Command("postern", "health", "--config", path).Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitNo {
		t.Errorf("health: %v", err)
	}
	for where, test := range map[string]struct{ text, want string }{
		"page":   {page, "refuses us, and not every table is in memory"},
		"top":    {string(once), "bad  database " + refused + ": refuses us"},
		"health": {string(said), "Access denied for user"},
	} {
		if !strings.Contains(test.text, test.want) || strings.Contains(test.text, "cannot be reached") {
			t.Errorf("%s: no %q, or it cannot be reached:\n%s", where, test.want, test.text)
		}
	}
}

// awaitStates waits until postern top knows the databases by these words.
func awaitStates(t *testing.T, path string, want map[string]string) {
	t.Helper()
	var text []byte
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		var shots []status.Snapshot
		text, _ = exec.Command("postern", "top", "--json", "--config", path).Output()
		if json.Unmarshal(text, &shots) != nil || len(shots) != 1 || len(shots[0].Database) != len(want) {
			continue
		}
		so := true
		for _, d := range shots[0].Database {
			so = so && d.State() == want[d.Name]
		}
		if so {
			return
		}
	}
	t.Fatalf("the databases do not become %v, but\n%s", want, text)
}
