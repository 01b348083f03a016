package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"postern/internal/config"
	"postern/internal/store"
)

// serveControl listens as the control socket of a daemon.
func serveControl(t *testing.T, dir, name string, handler http.HandlerFunc) {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(dir, name+".sock"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	done := make(chan error)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() { server.Close(); <-done })
}

// TestTellBans: every daemon is told, whatever another one answers.
func TestTellBans(t *testing.T) {
	dir := t.TempDir()
	var told []string
	serveControl(t, dir, "good", func(_ http.ResponseWriter, r *http.Request) { told = r.URL.Query()["key"] })
	serveControl(t, dir, "bad", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "flush: table api_bans: database: connection lost", http.StatusConflict)
	})
	gone, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "gone.sock"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	gone.SetUnlinkOnClose(false)
	gone.Close()

	var notes bytes.Buffer
	desk := &banDesk{config: &config.Config{Control: dir, Tables: config.Tables{Refresh: config.Duration(time.Minute)}}, err: &notes}
	desk.tell(context.Background(), store.BanTarget{Kind: "domain", Value: "x.test"}, store.BanTarget{Kind: "ip", Value: "2001:db8::/32"})
	want := "postern: note: bad has not read it yet: flush: table api_bans: database: connection lost: it does so within 1m0s\n"
	if notes.String() != want {
		t.Errorf("said %q, want %q", notes.String(), want)
	}
	if !slices.Equal(told, []string{"domain:x.test", "ip:2001:db8::/32"}) {
		t.Errorf("told %q", told)
	}
}

func TestBanTrouble(t *testing.T) {
	denied := &mysql.MySQLError{Number: 1142, Message: "INSERT command denied"}
	tests := []struct {
		name, driver string
		err          error
		want         string
	}{
		{"no right", "mysql", denied, "INSERT command denied: run it with the --config of a user with INSERT and UPDATE on api_bans, or grant them to this one"},
		{"no right to write the file", "sqlite", denied, "INSERT command denied: run it as the user that the file belongs to"},
		{"something else", "mysql", &mysql.MySQLError{Number: 1146, Message: "no table"}, "no table"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := banTrouble(&config.Config{Database: config.Database{Driver: tt.driver}}, tt.err)
			if exitStatus(err) != exitTemp || !strings.HasPrefix(err.Error(), "ban: ") || !strings.HasSuffix(err.Error(), tt.want) {
				t.Errorf("%d, %v", exitStatus(err), err)
			}
		})
	}
}
