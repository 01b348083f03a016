//go:build integration

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

// TestBanOnMariaDB is the command on a primary behind a replica, as users with
// different rights.
func TestBanOnMariaDB(t *testing.T) {
	primary, replica := scratchtest.Database(t, scratch.MariaDBOptions{}), scratchtest.Database(t, scratch.MariaDBOptions{})
	for m, script := range map[*scratch.MariaDB]string{
		primary: "CREATE USER reader IDENTIFIED BY 'secret'; GRANT SELECT ON postern.* TO reader",
		replica: "SET GLOBAL read_only = ON",
	} {
		if err := m.Exec(t.Context(), script); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name, user string
		hosts      []string
		args       string
		status     int
		want       string
	}{
		{"replica first", "postern", []string{replica.Addr(), primary.Addr()}, "add --until 2099-12-01 a.test", 0, "banned domain a.test until 2099-12-01 00:00 UTC (#1)"},
		{"again", "postern", []string{primary.Addr()}, "add a.test", 1, "(#1) is banned already"},
		{"only a replica", "postern", []string{replica.Addr()}, "add b.test", 75, "ban: add: database: host " + replica.Addr() + ": is read-only"},
		{"no right to add", "reader", []string{primary.Addr()}, "add b.test", 75, "INSERT command denied to user 'reader'"},
		{"what to do", "reader", []string{primary.Addr()}, "add b.test", 75, "INSERT and UPDATE on api_bans, or grant them to this one"},
		{"no right to revoke", "reader", []string{primary.Addr()}, "revoke 1", 75, "ban: revoke: database: error 1142 (42000): UPDATE command denied"},
		{"a right to list", "reader", []string{primary.Addr()}, "list a.test", 0, "#1  domain  a.test  2099-12-01 00:00 UTC"},
		{"revoke", "postern", []string{replica.Addr(), primary.Addr()}, "revoke a.test", 0, "revoked the ban of domain a.test"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "postern.yaml")
			text := fmt.Sprintf("database: {name: %s, user: %s, password: secret, hosts: [\"%s\"]}\ncontrol: control\n",
				primary.Database(), tt.user, strings.Join(tt.hosts, `", "`))
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			command, rest, _ := strings.Cut(tt.args, " ")
			args := append([]string{"ban", command, "--config", file}, strings.Fields(rest)...)
			var out bytes.Buffer
			if status := run(context.Background(), args, nil, &out, &out); status != tt.status || !strings.Contains(out.String(), tt.want) {
				t.Errorf("status %d, want %d: %s", status, tt.status, &out)
			}
		})
	}
}
