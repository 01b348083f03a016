//go:build integration

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/internal/daemon"
	"postern/internal/status"
	"postern/internal/store"
	"postern/policyd"
)

// served is a running `postern serve` with the configuration of testdata/status.
type served struct {
	dir                        string
	metrics, socketmap, policy string // host:port
	log                        *os.File
}

// startServed runs this very program as postern, with an embedded store.
func startServed(t *testing.T, ask bool, webConfig string) *served {
	t.Helper()
	dir, err := os.MkdirTemp("", "mx") // a short name, for the screenshot
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &served{dir: dir}
	free := &ports{}
	for _, at := range []*string{&s.metrics, &s.socketmap, &s.policy} {
		*at = free.address(t)
	}
	variables := map[string]string{
		"METRICS": s.metrics, "SOCKETMAP": s.socketmap, "POLICY": s.policy, "ASK": fmt.Sprint(ask), "WEB": webConfig,
	}
	for _, name := range []string{"postern.yaml", "rows.sql", "local.map", "srs.secret"} {
		text, err := os.ReadFile(filepath.Join("testdata/status", name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "postern.yaml" {
			text = []byte(os.Expand(string(text), func(v string) string { return variables[v] }))
		}
		if err := os.WriteFile(filepath.Join(s.dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.fill(t)
	s.run(t)
	return s
}

func (s *served) fill(t *testing.T) {
	t.Helper()
	path := filepath.Join(s.dir, "postern.db")
	if err := store.InitSQLite(path); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(store.Options{Driver: "sqlite", Path: path, MaxConnections: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := os.ReadFile(filepath.Join(s.dir, "rows.sql"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.DB().ExecContext(t.Context(), string(rows)); err != nil {
		t.Fatal(err)
	}
}

// run starts the process and waits until it can be reached.
func (s *served) run(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(s.dir, "postern")
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	if s.log, err = os.Create(filepath.Join(s.dir, "log")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "serve", "--config", "postern.yaml")
	cmd.Dir, cmd.Stderr = s.dir, s.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("serve ended with %v:\n%s", err, s.logged())
		}
		s.log.Close()
	})
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if s.loaded() {
			return
		}
	}
	t.Fatalf("serve does not answer:\n%s", s.logged())
}

// loaded reports a daemon that can be asked and has read its tables.
func (s *served) loaded() bool {
	response, err := daemon.ControlClient(filepath.Join(s.dir, "control"), "serve").Get(daemon.ControlURL + "/status")
	if err != nil {
		return false
	}
	defer response.Body.Close()
	var shot status.Snapshot
	if json.NewDecoder(response.Body).Decode(&shot) != nil || shot.NotReady != "" || len(shot.Tables) == 0 {
		return false
	}
	return !slices.ContainsFunc(shot.Tables, func(t status.Table) bool { return !t.Loaded })
}

func (s *served) logged() string {
	text, _ := os.ReadFile(s.log.Name())
	return string(text)
}

// traffic is some of everything, with markup where strangers can write it.
func (s *served) traffic(t *testing.T, rounds int) {
	t.Helper()
	maps := s.dialMaps(t)
	ask := policyd.NewClient("tcp", s.policy, policyd.ClientOptions{Timeout: patience})
	defer ask.Close()
	request := func(words ...string) {
		var attributes []policyd.Attribute
		for _, word := range words {
			name, value, _ := strings.Cut(word, "=")
			attributes = append(attributes, policyd.Attribute{Name: name, Value: value})
		}
		if _, err := ask.Ask(t.Context(), attributes); err != nil {
			t.Fatal(err)
		}
	}
	for n := range rounds {
		for range 3 + 5*(n%4) {
			maps("virtual", "info@example.org")
			maps("virtual", "nobody@example.org")
			maps("srs-forward", "jane@example.com")
		}
		maps("local", "postmaster@example.org")
		request("policy_context=rcpt", "protocol_state=RCPT", fmt.Sprintf("instance=a%d", n), "sender=mallory.secret@banned.test", "recipient=info.secret@example.org",
			"client_address=192.0.2.7", "helo_name=<script>alert(1)</script>", "client_name=<script>alert(1)</script>", "queue_id=4ABC")
		request("policy_context=rcpt", "protocol_state=RCPT", fmt.Sprintf("instance=b%d", n), "sender=jane.secret@example.com", "recipient=info.secret@example.org", "client_address=2001:db8:17:4::25")
		request("policy_context=data", "protocol_state=DATA", fmt.Sprintf("instance=c%d", n), `sender="><img src=x onerror=alert(1)>@example.org`, "sasl_username=alice", "recipient_count=1", "client_address=198.51.100.7")
		request("policy_context=data", "protocol_state=DATA", fmt.Sprintf("instance=d%d", n), "sender=eve.secret@example.org", "sasl_username=<b>eve.secret</b>@example.org", "recipient_count=1", "client_address=198.51.100.8")
	}
	time.Sleep(1100 * time.Millisecond) // a reading of before may serve for a second
}

// dialMaps asks over one socketmap connection.
func (s *served) dialMaps(t *testing.T) func(name, key string) string {
	t.Helper()
	conn, err := net.Dial("tcp", s.socketmap)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	in := bufio.NewReader(conn)
	return func(name, key string) string {
		question := name + " " + key
		if _, err := fmt.Fprintf(conn, "%d:%s,", len(question), question); err != nil {
			t.Fatal(err)
		}
		var size int
		if _, err := fmt.Fscanf(in, "%d:", &size); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, size+1)
		if _, err := io.ReadFull(in, answer); err != nil {
			t.Fatal(err)
		}
		return string(answer[:size])
	}
}

// fetchPage gets a page by client and returns status and body.
func fetchPage(t *testing.T, client *http.Client, r *http.Request) (int, http.Header, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	response, err := client.Do(r.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(body)
}
