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
		{At: at, Answer: "DUNNO", Attributes: []Attribute{{"request", "smtpd_access_policy"}, {"sender", "a=b@example.org"}, {"recipient", ""}}},
		{At: at.Add(time.Hour), Answer: "554 5.7.1 no", Listener: "inet:127.0.0.1:10040", LeftOut: 7, Attributes: []Attribute{{"request", "smtpd_access_policy"}, {"protocol_state", "RCPT"}, {"new_in_4.0", "x"}}},
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
	for _, bad := range []string{"sender=a\n\n", "recorded=today\nanswered=OK\n\n", "recorded=2026-11-21T14:00:00Z\n\n", "recorded=2026-11-21T14:00:00Z\nanswered=DUNNO\n", "left_out=some\nrecorded=2026-11-21T14:00:00Z\nanswered=DUNNO\n\n"} {
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
	d := Decision{Action: Refuse(554, "5.7.1", "no"), ID: "ABC"}
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
	late, stopLate := r.Listen()
	for range listenBuffer + 3 {
		r.Tap(q, d)
	}
	for range listenBuffer {
		<-late.C
	}
	r.Tap(q, d)
	if rec, err := NewRecords(strings.NewReader(<-late.C)).Next(); err != nil || rec.LeftOut != 3 {
		t.Errorf("the record behind a gap is %+v (%v), want 3 left out", rec, err)
	}
	r.Tap(q, d)
	if rec, err := NewRecords(strings.NewReader(<-late.C)).Next(); err != nil || rec.LeftOut != 0 {
		t.Errorf("the record after that is %+v (%v)", rec, err)
	}
	stopLate()
	stopSlow()
	r.Tap(q, d) // nobody listens: nothing is sent on a closed channel
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
