package status

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// stars hides a text and says of which field it was.
func stars(field, text string) string {
	if text == "" {
		return ""
	}
	return field + "***"
}

func TestRecentKeepsTheLastHundred(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	r := NewRecent(stars, func() time.Time { return now })
	if got := r.List(); len(got) != 0 {
		t.Errorf("empty: %v", got)
	}
	for n := range 250 {
		r.Add(Decision{ID: "K7QX2M9A", Action: "reject", Mode: "enforce", Check: "bans", Rule: "domain", Client: fmt.Sprint(n)})
		got := r.List()
		if len(got) != min(n+1, recentKept) || got[0].Client != fmt.Sprint(n) || got[len(got)-1].Client != fmt.Sprint(max(0, n-recentKept+1)) {
			t.Fatalf("after %d: %d from %s to %s", n+1, len(got), got[0].Client, got[len(got)-1].Client)
		}
	}
	want := Decision{At: now, ID: "K7QX2M9A", Action: "reject", Mode: "enforce", Check: "bans", Rule: "domain", Client: "249"}
	if got := r.List()[0]; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	var none *Recent
	none.Add(want)
	if none.List() != nil {
		t.Error("one that remembers nothing")
	}
}

func TestRecentHides(t *testing.T) {
	r := NewRecent(stars, nil)
	r.Add(Decision{Sender: "jane@example.org", Recipient: "info@example.org", Login: "jane", Client: "192.0.2.1", QueueID: "4AbC", Reason: "jane@example.org is banned"})
	r.Add(Decision{Reason: "a reason"})
	got := r.List()
	if d := got[1]; d.Sender != "sender***" || d.Recipient != "recipient***" || d.Login != "login***" || d.Reason != "reason***" || d.Client != "192.0.2.1" || d.QueueID != "4AbC" {
		t.Errorf("%+v", d)
	}
	if d := got[0]; d.Sender != "" || d.Login != "" {
		t.Errorf("nothing is hidden as something: %+v", d)
	}
}

func TestRecentIsBounded(t *testing.T) {
	r := NewRecent(func(_, text string) string { return text }, nil)
	long := strings.Repeat("é", 5000)
	r.Add(Decision{Client: long, Sender: "a" + long + "@" + long, Recipient: long + "@x", Login: long, QueueID: long + "\xff", Reason: long + "@example.org " + long})
	kept, err := json.Marshal(r.List())
	if err != nil || !utf8.Valid(kept) || len(kept) > 3000 {
		t.Errorf("%d bytes, %v", len(kept), err)
	}
}

// TestRecentOfManyAtOnce is for the race detector, and counts.
func TestRecentOfManyAtOnce(t *testing.T) {
	r := NewRecent(stars, nil)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 50 {
				r.Add(Decision{Action: "reject"})
				if got := r.List(); len(got) == 0 || got[0].Action != "reject" {
					t.Error("a decision is lost")
				}
			}
		})
	}
	all.Wait()
	if got := r.List(); len(got) != recentKept {
		t.Errorf("%d decisions", len(got))
	}
}

func TestWhatDecisionsDo(t *testing.T) {
	for action, want := range map[string][2]bool{
		"reject": {true, false}, "discard": {true, false}, "defer": {false, true}, "defer_if_permit": {false, true}, "hold": {false, true}, "prepend": {}, "": {},
	} {
		d := Decision{Action: action}
		if got := [2]bool{d.Refuses(), d.Delays()}; got != want {
			t.Errorf("%s: refuses, delays: %v, want %v", action, got, want)
		}
	}
}

func TestNewID(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := NewID()
		if !regexp.MustCompile("^[A-Z2-7]{8}$").MatchString(id) || seen[id] {
			t.Fatalf("id %q", id)
		}
		seen[id] = true
	}
}
