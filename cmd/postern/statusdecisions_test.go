package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postern/internal/status"
)

// TestDecisionsOfAllWhoDecide: those of policyd, the From guard and the SRS milter
// are among the last ones, by the ids of the log, and masked.
func TestDecisionsOfAllWhoDecide(t *testing.T) {
	l := startLogged(t, "text")
	l.play(t)
	text, err := exec.Command("postern", "top", "--json", "--config", filepath.Join(l.dir, "postern.yaml")).Output()
	if err != nil {
		t.Fatal(err)
	}
	var shots []status.Snapshot
	if err := json.Unmarshal(text, &shots); err != nil || len(shots) != 1 {
		t.Fatalf("%v: %s", err, text)
	}
	for _, test := range []struct {
		check string
		want  status.Decision
	}{
		{"bans", status.Decision{Action: "reject", Rule: "sender_domain", Client: "192.0.2.7", Sender: "j***@banned.example", Recipient: "i***@example.org"}},
		{"from_guard", status.Decision{Action: "reject", Rule: "from", Client: "192.0.2.7", Sender: "a***@example.net", Login: "a***", QueueID: "4AbC"}},
		{"srs_milter", status.Decision{Action: "reject", Client: "2001:db8::7"}},
	} {
		all := slices.Backward(shots[0].Decisions)
		found := false
		for _, d := range all {
			if found = d.Check == test.check; !found {
				continue
			}
			if test.check == "srs_milter" { // too long to be kept whole
				d.Recipient = ""
			}
			test.want.At, test.want.ID, test.want.Mode, test.want.Check, test.want.Reason = d.At, d.ID, "enforce", test.check, d.Reason
			if d != test.want || d.At.IsZero() || len(d.ID) != 8 || d.Reason == "" {
				t.Errorf("%s: %+v, want %+v", test.check, d, test.want)
			}
			break
		}
		if !found {
			t.Errorf("none of %s in %+v", test.check, shots[0].Decisions)
		}
	}
	_, page, err := page(l.http + "/")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"from_guard from", "srs_milter", "bans sender_domain"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	lines := strings.Join(l.lines(t), "\n")
	for _, d := range shots[0].Decisions {
		if !strings.Contains(lines, "id="+d.ID) {
			t.Errorf("the log does not know %+v", d)
		}
	}
}
