package policyd

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"

	"postern/internal/status"
)

func judged(action Action) *Decision {
	return &Decision{Action: action, ID: "K7QX2M9A", Check: "bans", Rule: "domain", Reason: "a reason"}
}

func TestRecentKeepsShadowsAndNoRoutine(t *testing.T) {
	h := Handler{Recent: status.NewRecent(stars, nil)}
	d := &Decision{ID: "A", Shadows: []ShadowDecision{{Check: "greylist", Verdict: Verdict{Action: Refuse(554, "5.7.1", "no"), Reason: "early"}}}}
	h.record(t.Context(), &Request{}, d)
	routine := judged(Refuse(554, "5.7.1", "no"))
	routine.Routine = true
	h.record(t.Context(), &Request{}, routine)
	got := h.Recent.List()
	if len(got) != 1 || got[0].Mode != "shadow" || got[0].Check != "greylist" {
		t.Errorf("%+v", got)
	}
	h.Recent = nil
	h.record(t.Context(), &Request{}, d)
}

// stars hides a text and says of which field it was.
func stars(field, text string) string {
	if text == "" {
		return ""
	}
	return field + "***"
}

// TestRecentDoesNotKeepTheRequest: its text is used again for the next one. The
// DUNNO between the two is not remembered.
func TestRecentDoesNotKeepTheRequest(t *testing.T) {
	h := newHandler()
	h.Recent = status.NewRecent(func(_, text string) string { return text }, nil)
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
