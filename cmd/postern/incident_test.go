package main

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"postern/internal/config"
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
