package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"postern/internal/config"
	"postern/internal/incident"
	"postern/internal/store"
)

// TestTellRows: every daemon is told, and reads what it holds anew.
func TestTellRows(t *testing.T) {
	dir := t.TempDir()
	var told []string
	for _, name := range []string{"socketmap", "policyd", "srsd"} {
		serveControl(t, dir, name, func(w http.ResponseWriter, r *http.Request) {
			told = append(told, name+" "+r.URL.Path+" "+strings.Join(r.URL.Query()["key"], " "))
			if name == "socketmap" && r.URL.Path == "/rows" {
				http.Error(w, "flush: no", http.StatusConflict)
			}
		})
	}
	var notes bytes.Buffer
	desk := &teller{config: &config.Config{Control: dir}, err: &notes}
	desk.tell(context.Background(), []store.SwitchRow{
		{Table: "smtp_users", Key: "alice"}, {Table: "smtp_sender_acl", Key: "alice", Value: "a@x.test"},
		{Table: "alias", Key: "info@x.test"}, {Table: "alias_handle", Key: "desk"},
	}, store.BanTarget{Kind: "email", Value: "me@far.test"})
	slices.Sort(told)
	const rows = " /rows smtp_sender_acl:a@x.test alias:info@x.test alias_handle:desk"
	want := []string{
		"policyd /bans email:me@far.test", "policyd" + rows, "socketmap /bans email:me@far.test",
		"socketmap" + rows, "srsd /bans email:me@far.test", "srsd" + rows,
	}
	if !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
	if got := notes.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "socketmap has not read the change yet: flush: no") {
		t.Errorf("said %q", got)
	}
}

// TestTellManyRows: a login with thousands of senders fits no single request.
func TestTellManyRows(t *testing.T) {
	dir, told := t.TempDir(), 0
	serveControl(t, dir, "socketmap", func(_ http.ResponseWriter, r *http.Request) { told += len(r.URL.Query()["key"]) })
	rows := make([]store.SwitchRow, 2*rowsAtOnce+1)
	for i := range rows {
		rows[i] = store.SwitchRow{Table: "smtp_sender_acl", Key: "alice", Value: fmt.Sprintf("%0240d@x.test", i)}
	}
	var notes bytes.Buffer
	desk := &teller{config: &config.Config{Control: dir}, err: &notes}
	desk.tell(context.Background(), rows)
	if told != len(rows) || notes.Len() > 0 {
		t.Errorf("%d of %d rows were told: %s", told, len(rows), notes.String())
	}
}

func TestIncidentStatus(t *testing.T) {
	tests := []struct {
		err  error
		want int
		says string
	}{
		{fmt.Errorf("%w: %w", incident.ErrNotStopped, &mysql.MySQLError{Number: 1142, Message: "UPDATE command denied"}), exitTemp, "needs UPDATE on smtp_users"},
		{&incident.AmbiguousError{Name: "x", Kinds: []incident.Kind{incident.Login, incident.Alias}}, exitUsage, "--as login or --as alias"},
		{fmt.Errorf("x: %w", incident.ErrKept), exitNo, "not all was restored"},
		{incident.ErrBusy, exitTemp, "another incident command is at work"},
		{errors.New("queue: postsuper -h: exit status 1"), exitTemp, "incident: queue: postsuper"},
	}
	for _, tt := range tests {
		if err := incidentError(tt.err); exitStatus(err) != tt.want || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%v: status %d: %v", tt.err, exitStatus(err), err)
		}
	}
	if incidentError(nil) != nil {
		t.Error("no trouble is trouble")
	}
}
