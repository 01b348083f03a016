package top

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"postern/internal/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a source of daemons that a test makes come and go.
type house struct {
	sync.Mutex
	daemons map[string]func(context.Context) (status.Snapshot, error)
	hidden  bool // their sockets are away
}

func (h *house) Daemons() (names []string) {
	h.Lock()
	defer h.Unlock()
	if h.hidden {
		return nil
	}
	for name := range h.daemons {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (h *house) Ask(ctx context.Context, daemon string) (status.Snapshot, error) {
	h.Lock()
	ask := h.daemons[daemon]
	if h.hidden {
		ask = nil
	}
	h.Unlock()
	if ask != nil {
		return ask(ctx)
	}
	return status.Snapshot{}, errors.New("no such file")
}

// hide has the sockets go away, or come back.
func (h *house) hide(hidden bool) {
	h.Lock()
	defer h.Unlock()
	h.hidden = hidden
}

// let has a daemon answer so.
func (h *house) let(daemon string, ask func(context.Context) (status.Snapshot, error)) {
	h.Lock()
	defer h.Unlock()
	h.daemons[daemon] = ask
}

func well(context.Context) (status.Snapshot, error) {
	return status.Snapshot{Daemon: "well", Host: "mx.example.org"}, nil
}

func frozen(ctx context.Context) (status.Snapshot, error) {
	<-ctx.Done()
	return status.Snapshot{}, ctx.Err()
}

func broken(context.Context) (status.Snapshot, error) { panic("no snapshot at all") }

func houseOf(t *testing.T) (*house, Top) {
	t.Helper()
	h := &house{daemons: map[string]func(context.Context) (status.Snapshot, error){"broken": broken, "frozen": frozen, "well": well}}
	return h, Top{Source: h, Interval: time.Second, Timeout: 2 * time.Second, Now: time.Now}
}

func TestAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, top := houseOf(t)
		began := time.Now()
		answers := top.Ask(t.Context())
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("took %v", took)
		}
		want := []string{"its answer cannot be read: no snapshot at all", "no answer within 2s", ""}
		for i, a := range answers {
			if got := text(a.Err); got != want[i] {
				t.Errorf("%s: %q, want %q", a.Daemon, got, want[i])
			}
		}
	})
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestRound has one daemon that owes an answer, and is not asked again, and one
// that was known before.
func TestRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, top := houseOf(t)
		ctx, cancel := context.WithCancel(t.Context())
		p := &poller{Top: top, answers: make(chan Answer), asking: map[string]bool{}}
		p.round(ctx, []string{"gone", "well"})
		got := map[string]string{}
		for range 3 {
			a := <-p.answers
			delete(p.asking, a.Daemon)
			got[a.Daemon] = text(a.Err)
		}
		if got["well"] != "" || got["gone"] != "no such file" || len(got) != 3 {
			t.Errorf("answers: %q", got)
		}
		p.round(ctx, nil)
		if len(p.asking) != 3 {
			t.Errorf("asking %v", p.asking)
		}
		cancel() // nobody takes an answer any more
		p.all.Wait()
	})
}
