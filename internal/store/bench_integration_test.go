//go:build integration

package store

import (
	"context"
	"os/exec"
	"testing"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

// BenchmarkMariaDB reads two million aliases, which is to be compared with
// BenchmarkMariaDBClient: the same rows through the mariadb client.
func BenchmarkMariaDB(b *testing.B) {
	m := startMillions(b)
	benchmarkRows(b, openStore(b, optionsOf(m)), millions)
}

func BenchmarkMariaDBClient(b *testing.B) {
	m := startMillions(b)
	for b.Loop() {
		client := exec.CommandContext(b.Context(), "mariadb", "--no-defaults", "--quick", "--skip-column-names",
			"--user=root", "--socket="+m.Socket(), m.Database(), "-e", "SELECT address, `goto` FROM alias WHERE active = 1")
		if err := client.Run(); err != nil { // its output goes to /dev/null
			b.Fatal(err)
		}
	}
}

const millions = 2_000_000

func startMillions(b *testing.B) *scratch.MariaDB {
	m := scratchtest.Database(b, scratch.MariaDBOptions{ExtraArgs: []string{"--innodb-buffer-pool-size=512M"}})
	err := m.Exec(context.Background(), "DROP TRIGGER postern_alias_insert; INSERT INTO alias (address, `goto`)"+
		" SELECT concat('user', seq, '@example.com'), concat('mailbox', seq, '@example.net') FROM seq_1_to_2000000")
	if err != nil {
		b.Fatal(err)
	}
	return m
}
