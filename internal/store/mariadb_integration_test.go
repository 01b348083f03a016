//go:build integration

package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jmoiron/sqlx"

	"postern/internal/lookup"
	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

func optionsOf(m *scratch.MariaDB) Options {
	return Options{Driver: "mysql", Hosts: []string{m.Addr()}, Name: m.Database(), User: m.User(), Password: m.Password()}
}

func openStore(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func readOne(ctx context.Context, st *Statement, args ...any) (string, error) {
	return Read(ctx, st, func(rows *sqlx.Rows) (value string, err error) {
		for rows.Next() {
			err = rows.Scan(&value)
		}
		return value, err
	}, args...)
}

func TestMariaDBSession(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{ExtraArgs: []string{
		"--default-time-zone=+05:00", "--character-set-server=latin1", "--skip-character-set-client-handshake",
	}})
	hosts := map[string]string{"TCP": m.Addr(), "socket": "unix:" + m.Socket()}
	for name, host := range hosts {
		t.Run(name, func(t *testing.T) {
			o := optionsOf(m)
			o.Hosts = []string{host}
			s := openStore(t, o)
			for question, want := range map[string]string{
				"SELECT @@time_zone":                 "+05:00",
				"SELECT @@character_set_client":      "utf8mb4",
				"SELECT @@character_set_results":     "utf8mb4",
				"SELECT @@max_statement_time":        "3",
				"SELECT CONCAT('ä', CHAR_LENGTH(?))": "ä1",
			} {
				var args []any
				if strings.Contains(question, "?") {
					args = []any{"ß"}
				}
				got, err := readOne(t.Context(), s.Prepare(question), args...)
				if err != nil || strings.TrimRight(strings.TrimSuffix(got, ".000000"), " ") != want {
					t.Errorf("%s: %q, %v, want %q", question, got, err, want)
				}
			}
			if _, err := s.Text("SELECT 1; SELECT 2").Query(t.Context()); err == nil {
				t.Error("two statements in one are accepted")
			}
		})
	}
}

func TestMariaDBRefusals(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{})
	tests := []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"password", func(o *Options) { o.Password = "wr0ng-secret" }, "error 1045 (28000): Access denied"},
		{"name", func(o *Options) { o.Name = "other" }, "error 1044"},
		{"charset", func(o *Options) { o.Charset = "klingon" }, "error 1115"},
		{"nobody there", func(o *Options) { o.Hosts = []string{"127.0.0.1:1"} }, "database: host 127.0.0.1:1: connection refused"},
		{"no socket", func(o *Options) { o.Hosts = []string{"unix:/nonexistent/s"} }, "host unix:/nonexistent/s: no such file or directory"},
		{"no such name", func(o *Options) { o.Hosts = []string{"nowhere.invalid"} }, "host nowhere.invalid:3306: "},
		{"no TLS there", func(o *Options) { o.TLS.Enabled = true }, "TLS requested but server does not support TLS"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := optionsOf(m)
			tt.change(&o)
			err := openStore(t, o).Ping(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want …%s…", err, tt.want)
			}
			if lookup.IsPermanent(err) || strings.Contains(err.Error(), "secret") {
				t.Errorf("permanent, or a password: %v", err)
			}
		})
	}
}

func TestMariaDBWithTLS(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{TLS: true, ExtraArgs: []string{"--require-secure-transport=ON", "--bind-address=127.0.0.1,127.0.0.2"}})
	other := scratchtest.Database(t, scratch.MariaDBOptions{TLS: true}) // with an authority of its own
	folder := t.TempDir()
	text, err := os.ReadFile(m.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string][]byte{"1a2b3c4d.0": text, "README": []byte("no certificate")} {
		if err := os.WriteFile(filepath.Join(folder, file), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	yes, no := true, false
	tests := []struct {
		name string
		tls  TLS
		host string
		want string // "" means it works
	}{
		{"none", TLS{}, m.Addr(), "error 1045"}, // the server insists
		{"not checked", TLS{Enabled: true}, m.Addr(), ""},
		{"checked", TLS{Enabled: true, CAFile: m.CAFile()}, m.Addr(), ""},
		{"checked with a folder", TLS{Enabled: true, CADir: folder}, m.Addr(), ""},
		{"other authority", TLS{Enabled: true, CAFile: other.CAFile()}, m.Addr(), "signed by an authority that is not ours"},
		{"other authority, not checked", TLS{Enabled: true, CAFile: other.CAFile(), Verify: &no}, m.Addr(), ""},
		{"system's authorities", TLS{Enabled: true, Verify: &yes}, m.Addr(), "signed by an authority that is not ours"},
		{"other host name", TLS{Enabled: true, CAFile: m.CAFile()}, fmt.Sprintf("127.0.0.2:%d", m.Port()), "127.0.0.2"},
		{"other host name, not checked", TLS{Enabled: true, CAFile: m.CAFile(), Verify: &no}, fmt.Sprintf("127.0.0.2:%d", m.Port()), ""},
		{"unix socket", TLS{Enabled: true, CAFile: m.CAFile()}, "unix:" + m.Socket(), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := optionsOf(m)
			o.TLS, o.Hosts = tt.tls, []string{tt.host}
			cipher, err := readOne(t.Context(), openStore(t, o).Prepare(
				"SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_cipher'"))
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want == "" && cipher == "" && !strings.HasPrefix(tt.host, "unix:"):
				t.Error("not encrypted")
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want …%s…", err, tt.want)
			}
		})
	}
}

// TestMariaDBKeepsStatements: a lookup costs one message, not a prepare too.
func TestMariaDBKeepsStatements(t *testing.T) {
	o := optionsOf(scratchtest.Database(t, scratch.MariaDBOptions{}))
	o.MaxConnections = 2
	s := openStore(t, o)
	rows, err := s.Rows("alias")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if _, err := rows.Get(t.Context(), "a@x.test"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	count := func(name string) int {
		text, err := readOne(t.Context(), s.Text("SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = '"+name+"'"))
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	// Two that are first at the same time may prepare twice.
	if prepared, executed := count("Com_stmt_prepare"), count("Com_stmt_execute"); prepared > 4 || executed != 200 {
		t.Errorf("%d prepared and %d executed, want one per connection and 200", prepared, executed)
	}
}
