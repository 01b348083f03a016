package policyd

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func judged(action Action) *Decision {
	return &Decision{Action: action, ID: "K7QX2M9A", Check: "bans", Rule: "domain", Reason: "a reason"}
}

func TestRecentKeepsTheLastHundred(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	r := NewRecent(stars, func() time.Time { return now })
	if got := r.List(); len(got) != 0 {
		t.Errorf("empty: %v", got)
	}
	for n := range 250 {
		r.add(&Request{ClientAddress: fmt.Sprint(n)}, judged(Refuse(554, "5.7.1", "no")))
		got := r.List()
		if len(got) != min(n+1, recentKept) || got[0].Client != fmt.Sprint(n) || got[len(got)-1].Client != fmt.Sprint(max(0, n-recentKept+1)) {
			t.Fatalf("after %d: %d from %s to %s", n+1, len(got), got[0].Client, got[len(got)-1].Client)
		}
	}
	if got := r.List()[0]; !got.At.Equal(now) || got.Mode != "enforce" || got.Action != "reject" || got.Check != "bans" || got.Rule != "domain" || got.ID != "K7QX2M9A" {
		t.Errorf("%+v", got)
	}
}

func TestRecentKeepsShadowsAndNoRoutine(t *testing.T) {
	r := NewRecent(stars, nil)
	d := &Decision{ID: "A", Shadows: []ShadowDecision{{Check: "greylist", Verdict: Verdict{Action: Refuse(554, "5.7.1", "no"), Reason: "early"}}}}
	r.add(&Request{}, d)
	routine := judged(Refuse(554, "5.7.1", "no"))
	routine.Routine = true
	r.add(&Request{}, routine)
	got := r.List()
	if len(got) != 1 || got[0].Mode != "shadow" || got[0].Check != "greylist" {
		t.Errorf("%+v", got)
	}
	var none *Recent
	none.add(&Request{}, d)
	if none.List() != nil {
		t.Error("one that remembers nothing")
	}
}

// stars hides a text and says of which field it was.
func stars(field, text string) string {
	if text == "" {
		return ""
	}
	return field + "***"
}

func TestRecentHides(t *testing.T) {
	r := NewRecent(stars, nil)
	r.add(&Request{Sender: "jane@example.org", Recipient: "info@example.org", Login: "jane", ClientAddress: "192.0.2.1", QueueID: "4AbC"},
		&Decision{Action: Refuse(554, "5.7.1", "no"), Reason: "jane@example.org is banned"})
	r.add(&Request{}, judged(Refuse(554, "5.7.1", "no")))
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
	r.add(&Request{ClientAddress: long, Sender: "a" + long + "@" + long, Recipient: long + "@x", Login: long, QueueID: long + "\xff"},
		&Decision{Action: Refuse(554, "5.7.1", "no"), Reason: long + "@example.org " + long})
	kept, err := json.Marshal(r.List())
	if err != nil || !utf8.Valid(kept) || len(kept) > 3000 {
		t.Errorf("%d bytes, %v", len(kept), err)
	}
}

// TestRecentDoesNotKeepTheRequest: its text is used again for the next one. The
// DUNNO between the two is not remembered.
func TestRecentDoesNotKeepTheRequest(t *testing.T) {
	h := newHandler()
	h.Recent = NewRecent(func(_, text string) string { return text }, nil)
	var requests strings.Builder
	for _, who := range []string{"refuse", "nobody", "shadow"} {
		fmt.Fprintf(&requests, "request=smtpd_access_policy\nclient_address=198.51.100.7\nsender=%[1]s@example.com\nrecipient=%[1]s@example.org\nsasl_username=%[1]s\n\n", who)
	}
	r, w := bufio.NewReader(strings.NewReader(requests.String())), bufio.NewWriter(io.Discard)
	for range 3 {
		if err := h.ServeRequest(t.Context(), r, w); err != nil {
			t.Fatal(err)
		}
	}
	got := h.Recent.List()
	if len(got) != 2 || got[0].Sender != "shadow@example.com" || got[0].Mode != "shadow" || got[0].Login != "shadow" ||
		got[1].Sender != "refuse@example.com" || got[1].Recipient != "refuse@example.org" || got[1].Login != "refuse" || got[1].Client != "198.51.100.7" {
		t.Errorf("%+v", got)
	}
}
