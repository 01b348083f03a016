package miltertest

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"postern/internal/status"
)

// Decisions takes down what a milter tells of its decisions.
type Decisions struct {
	mu    sync.Mutex
	lines []string
}

// Add takes down one, as
//
//	enforce reject from_guard/from client=192.0.2.7 sender=a@x recipient= login=a queue=4AbC: why
func (d *Decisions) Add(one status.Decision) {
	d.mu.Lock()
	defer d.mu.Unlock()
	by := strings.TrimSuffix(one.Check+"/"+one.Rule, "/")
	d.lines = append(d.lines, fmt.Sprintf("%s %s %s client=%s sender=%s recipient=%s login=%s queue=%s: %s",
		one.Mode, one.Action, by, one.Client, one.Sender, one.Recipient, one.Login, one.QueueID, one.Reason))
}

// Want compares all that was told with lines; nil takes anything, and one empty
// line is for nothing.
func (d *Decisions) Want(t testing.TB, lines []string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if got, want := strings.Join(d.lines, "\n"), strings.Join(lines, "\n"); lines != nil && got != want {
		t.Errorf("told\n%s\nwant\n%s", got, want)
	}
}
