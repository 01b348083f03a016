package incident

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
)

// TestListWhileMessagesMove: one that showq(8) missed the first time and one
// that it had twice are each listed once, and so are two with one short ID.
func TestListWhileMessagesMove(t *testing.T) {
	listings := []string{
		`{"queue_name":"incoming","queue_id":"4A1B2C3D02","arrival_time":1,"sender":"a@x"}
		 {"queue_name":"active","queue_id":"4A1B2C3D02","arrival_time":1,"sender":"a@x"}
		 {"queue_name":"active","queue_id":"4A1B2C3D03","arrival_time":2,"sender":"b@x"}`,
		`{"queue_name":"active","queue_id":"4A1B2C3D03","arrival_time":5,"sender":"c@x"}
		 {"queue_name":"active","queue_id":"4A1B2C3D04","arrival_time":3,"sender":"d@x"}`,
	}
	q := &Queue{Run: func(_ context.Context, _ string, read func(io.Reader) error, program string, _ ...string) (string, error) {
		text := "MAILER-DAEMON\n"
		if program == "postqueue" {
			text, listings = listings[0], listings[1:]
		}
		return "", read(strings.NewReader(text))
	}}
	var senders []string
	if err := q.list(t.Context(), func(l listed) { senders = append(senders, l.Sender) }); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a@x", "b@x", "c@x", "d@x"}; !slices.Equal(senders, want) {
		t.Errorf("%q, want %q", senders, want)
	}
}
