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

// TestTellRows: the daemons that hold a table read its rows anew, by the names
// under which they know them.
func TestTellRows(t *testing.T) {
	dir := t.TempDir()
	var told []string
	for _, name := range []string{"socketmap", "policyd", "srsd"} {
		serveControl(t, dir, name, func(w http.ResponseWriter, r *http.Request) {
			told = append(told, name+" "+r.URL.Path+" "+r.FormValue("map")+" "+r.FormValue("key"))
			if r.FormValue("key") == "bad@x.test" {
				http.Error(w, "flush: no", http.StatusConflict)
			}
		})
	}
	var notes bytes.Buffer
	desk := &teller{config: &config.Config{Control: dir}, err: &notes}
	desk.tell(context.Background(), []store.SwitchRow{
		{Table: "smtp_users", Key: "alice"}, {Table: "smtp_sender_acl", Key: "alice", Value: "a@x.test"},
		{Table: "alias", Key: "bad@x.test"}, {Table: "alias_handle", Key: "desk"},
	}, store.BanTarget{Kind: "email", Value: "me@far.test"})
	slices.Sort(told)
	want := []string{
		"policyd /bans  email:me@far.test", "socketmap /bans  email:me@far.test",
		"socketmap /flush sender-login-maps a@x.test", "socketmap /flush virtual-aliases bad@x.test", "socketmap /flush virtual-handles desk",
	}
	if !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
	if got := notes.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "socketmap has not read the change yet: flush: no") {
		t.Errorf("said %q", got)
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
