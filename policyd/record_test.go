package policyd

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestRecords(t *testing.T) {
	at := time.Date(2026, 11, 21, 14, 0, 0, 123, time.UTC)
	written := []Record{
		{at, "DUNNO", []Attribute{{"request", "smtpd_access_policy"}, {"sender", "a=b@example.org"}, {"recipient", ""}}},
		{at.Add(time.Hour), "554 5.7.1 no", []Attribute{{"request", "smtpd_access_policy"}, {"protocol_state", "RCPT"}, {"new_in_4.0", "x"}}},
	}
	var text strings.Builder
	for _, r := range written {
		text.WriteString(r.String())
	}
	records := NewRecords(strings.NewReader(text.String()))
	for _, want := range written {
		got, err := records.Next()
		if err != nil || got.String() != want.String() || !got.At.Equal(want.At) {
			t.Fatalf("read %+v (%v), want %+v", got, err, want)
		}
	}
	if _, err := records.Next(); err != io.EOF {
		t.Errorf("after the last: %v", err)
	}
	for _, bad := range []string{"sender=a\n\n", "recorded=today\nanswered=OK\n\n", "recorded=2026-11-21T14:00:00Z\n\n", "recorded=2026-11-21T14:00:00Z\nanswered=DUNNO\n"} {
		if r, err := NewRecords(strings.NewReader("request=smtpd_access_policy\n" + bad)).Next(); err == nil || err == io.EOF {
			t.Errorf("%q was read as %+v", bad, r)
		}
	}
}

// TestRecorder: a listener gets what passes while it listens, a slow one loses
// some and is told, and nobody waits for it.
func TestRecorder(t *testing.T) {
	var r Recorder
	q := &Request{Attributes: []Attribute{{"request", "smtpd_access_policy"}, {"sender", "a@example.org"}}}
	d := &Decision{Action: Refuse(554, "5.7.1", "no"), ID: "ABC"}
	r.Tap(q, d)
	fast, stopFast := r.Listen()
	slow, stopSlow := r.Listen()
	heard := 0
	for range listenBuffer + 5 {
		r.Tap(q, d)
		text := <-fast.C
		if rec, err := NewRecords(strings.NewReader(text)).Next(); err != nil || rec.Answer != "554 5.7.1 no" {
			t.Fatalf("heard %q: %v", text, err)
		}
		heard++
	}
	if n := stopFast(); n != 0 {
		t.Errorf("%d were dropped for one who listened", n)
	}
	if n := stopSlow(); n != 5 {
		t.Errorf("%d were dropped, want 5", n)
	}
	left := 0
	for range slow.C {
		left++
	}
	if left != listenBuffer {
		t.Errorf("%d were kept, want %d", left, listenBuffer)
	}
	stopSlow()
	r.Tap(q, d) // nobody listens: nothing is sent on a closed channel
}

func TestHide(t *testing.T) {
	h := Hide{Key: []byte("key")}
	hide := func(name, value string) string { return h.Attributes([]Attribute{{name, value}})[0].Value }
	for _, same := range []Attribute{
		{"sender", ""}, {"client_address", "unknown"}, {"client_name", "unknown"}, {"helo_name", ""},
		{"protocol_state", "RCPT"}, {"instance", "1a.2b"}, {"size", "4000"}, {"policy_context", "gate"},
	} {
		if got := hide(same.Name, same.Value); got != same.Value {
			t.Errorf("%s=%s became %q", same.Name, same.Value, got)
		}
	}
	for _, a := range []Attribute{
		{"sender", "alice@example.org"}, {"recipient", "alice"}, {"sasl_username", "alice"}, {"client_address", "192.0.2.1"},
		{"client_name", "mx.example.org"}, {"helo_name", "[192.0.2.1]"}, {"ccert_subject", "alice"},
	} {
		got := hide(a.Name, a.Value)
		if got == a.Value || strings.Contains(got, "alice") || strings.Contains(got, "example") || strings.Contains(got, "192.0") {
			t.Errorf("%s=%s became %q", a.Name, a.Value, got)
		}
		if again := hide(a.Name, a.Value); again != got {
			t.Errorf("%s=%s became %q and %q", a.Name, a.Value, got, again)
		}
	}
	domain := func(s string) string { return s[strings.LastIndexByte(s, '@')+1:] }
	if a, b := hide("sender", "alice@example.org"), hide("recipient", "bob@EXAMPLE.org"); domain(a) != domain(b) {
		t.Errorf("one domain became two: %s, %s", a, b)
	}
	if sub, parent := hide("helo_name", "mx.example.org"), hide("helo_name", "example.org"); !strings.HasSuffix(sub, "."+parent) {
		t.Errorf("%s is not below %s any more", sub, parent)
	}
	if got := hide("sender", "SRS0=abcd=XX=example.org=alice@srs.example.net"); !strings.HasPrefix(got, "SRS0=h") {
		t.Errorf("an SRS address became %s", got)
	}
	if a, b := hide("client_address", "192.0.2.1"), hide("client_address", "::ffff:192.0.2.99"); a == b || a[:strings.LastIndexByte(a, '.')] != b[:strings.LastIndexByte(b, '.')] {
		t.Errorf("one /24 became two: %s, %s", a, b)
	}
	a, b := hide("client_address", "2001:db8::1"), hide("client_address", "2001:db8::2")
	if n, err := ParseNetwork(a + "/64"); err != nil || !n.Contains(mustAddr(t, b)) {
		t.Errorf("one /64 became two: %s, %s", a, b)
	}
}

func FuzzRecords(f *testing.F) {
	f.Add("request=smtpd_access_policy\nrecorded=2026-11-21T14:00:00Z\nanswered=DUNNO\nsender=a\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		records := NewRecords(strings.NewReader(text))
		for {
			r, err := records.Next()
			if err != nil {
				return
			}
			again, err := NewRecords(strings.NewReader(r.String())).Next()
			if err != nil && !errors.Is(err, ErrMalformed) || err == nil && again.String() != r.String() {
				t.Fatalf("%q was read as %q: %v", r.String(), again.String(), err)
			}
		}
	})
}
