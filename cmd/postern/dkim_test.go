package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/foxcpp/go-mockdns"

	"postern/internal/store"
)

// TestDKIMCheck asks a real DNS server for the records that sync printed.
func TestDKIMCheck(t *testing.T) {
	dir := t.TempDir()
	database := filepath.Join(dir, "postern.db")
	if err := store.InitSQLite(database); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(store.Options{Driver: "sqlite", Path: database, MaxConnections: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.DB().ExecContext(t.Context(), "INSERT INTO domain (name, active) VALUES ('example.org', 1), ('example.net', 1)")
	s.Close()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "postern.yaml")
	if err := os.WriteFile(file, []byte("database: {driver: sqlite, path: "+database+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	postern := func(args ...string) (status int, out, words string) {
		var stdout, stderr bytes.Buffer
		status = run(context.Background(), args, nil, &stdout, &stderr)
		return status, stdout.String(), stderr.String()
	}
	sync := []string{"dkim", "sync", "--config", file, "--opendkim", dir, "--user", "root", "--bits", "1024", "--json"}
	status, out, words := postern(sync...)
	var printed dkimSyncJSON
	if err := json.Unmarshal([]byte(out), &printed); err != nil || status != 0 {
		t.Fatalf("status %d: %v: %s", status, err, words)
	}
	zones := map[string]mockdns.Zone{}
	for _, d := range printed.Domains {
		zones[d.Record.Name+"."] = mockdns.Zone{TXT: []string{strings.Join(d.Record.Strings, "")}}
	}
	dns, err := mockdns.NewServer(zones, false)
	if err != nil {
		t.Fatal(err)
	}
	defer dns.Close()
	dns.Log = log.New(io.Discard, "", 0)
	for _, args := range [][]string{sync, {"dkim", "list", "--opendkim", dir, "--user", "root"}} {
		if status, out, words := postern(append(args, "--check", "--resolver", dns.LocalAddr().String())...); status != 0 || strings.Count(out, "matches") != 2 {
			t.Errorf("status %d: %s%s", status, out, words)
		}
	}
	if err := os.Remove(filepath.Join(dir, "keys/example.org/mail.private")); err != nil {
		t.Fatal(err)
	}
	status, _, words = postern(append(sync, "--check", "--resolver", dns.LocalAddr().String())...)
	if status != exitNo || !strings.Contains(words, "example.org: DNS has a record at mail._domainkey.example.org that holds another key") {
		t.Errorf("a key that was lost: status %d: %s", status, words)
	}
	status, _, words = postern(append(sync, "--check", "--resolver", dns.LocalAddr().String(), "--selector", "s2")...)
	if status != exitNo || !strings.Contains(words, "DNS has no record s2._domainkey.example.net: publish it") {
		t.Errorf("a record that is missing: status %d: %s", status, words)
	}
}
