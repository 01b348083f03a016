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
	r := NewRecent(func() time.Time { return now })
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
	r := NewRecent(nil)
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

// TestRecentMasks has hostile addresses too: what stands before an @ is never
// kept whole.
func TestRecentMasks(t *testing.T) {
	for address, want := range map[string]string{
		"":                              "",
		"jane@example.org":              "j***@example.org",
		"j@example.org":                 "***@example.org",
		"jane":                          "j***",
		"@example.org":                  "***@example.org",
		"key=jane@example.org":          "k***@example.org",
		"(a)jane@b@example.org":         "(***@example.org",
		`"jane doe"@example.org`:        "***@example.org",
		"élan@exämple.net":              "é***@exämple.net",
		"\xff\xfe@example.org":          "***@example.org",
		"SRS0=a=b=c.test=jane@srs.test": "S***@srs.test",
	} {
		if got := maskAddress(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
	if got := maskLogin("alice"); got != "alice" {
		t.Errorf("a login that is no address: %q", got)
	}
	for _, test := range []struct{ reason, want string }{
		{"limit of 2 from alice", "limit of 2 from alice"},
		{`sender "jane@example.org", login=jane.doe@example.org`, `sender "j***@example.org", l***@example.org`},
		{`"jane doe"@example.org is banned`, `***@example.org is banned`},
		{"jane=smith@example.org", "j***@example.org"},
	} {
		if got := maskText(test.reason); got != test.want {
			t.Errorf("%s: %s, want %s", test.reason, got, test.want)
		}
	}
}

func TestRecentIsBounded(t *testing.T) {
	r := NewRecent(nil)
	long := strings.Repeat("é", 5000)
	r.add(&Request{ClientAddress: long, Sender: "a" + long + "@" + long, Recipient: long + "@x", Login: long, QueueID: long + "\xff"},
		&Decision{Action: Refuse(554, "5.7.1", "no"), Reason: long + "@example.org " + long})
	kept, err := json.Marshal(r.List())
	if err != nil || !utf8.Valid(kept) || len(kept) > 3000 {
		t.Errorf("%d bytes, %v", len(kept), err)
	}
	if strings.Contains(string(kept), "éé@") {
		t.Error("a local part is kept")
	}
}

// TestRecentDoesNotKeepTheRequest: its text is used again for the next one. The
// DUNNO between the two is not remembered.
func TestRecentDoesNotKeepTheRequest(t *testing.T) {
	h := newHandler()
	h.Recent = NewRecent(nil)
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
	if len(got) != 2 || got[0].Sender != "s***@example.com" || got[0].Mode != "shadow" || got[0].Login != "shadow" ||
		got[1].Sender != "r***@example.com" || got[1].Recipient != "r***@example.org" || got[1].Login != "refuse" || got[1].Client != "198.51.100.7" {
		t.Errorf("%+v", got)
	}
}
