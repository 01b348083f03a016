package top

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gdamore/tcell/v2"

	"postern/internal/status"
)

// stage is a live picture on a simulated screen.
type stage struct {
	tcell.SimulationScreen
	*house
	live    *live
	stopped int
	ended   chan error
	cancel  context.CancelFunc
}

// play runs a test with a stage, in a time of its own.
func play(t *testing.T, test func(*testing.T, *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h, top := houseOf(t)
		delete(h.daemons, "broken")
		delete(h.daemons, "frozen")
		screen := tcell.NewSimulationScreen("UTF-8")
		if err := screen.Init(); err != nil {
			t.Fatal(err)
		}
		screen.SetSize(80, 24)
		ctx, cancel := context.WithCancel(t.Context())
		s := &stage{SimulationScreen: screen, house: h, ended: make(chan error, 1), cancel: cancel}
		s.live = &live{Top: top, screen: screen, model: &Model{}, view: View{Interval: top.Interval}, signals: make(chan os.Signal), stop: func() { s.stopped++ }}
		go func() { s.ended <- s.live.run(ctx, top.Ask(ctx)) }()
		synctest.Wait()
		test(t, s)
		cancel()
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
	})
}

// press types keys and waits until they were obeyed.
func (s *stage) press(keys ...any) {
	for _, k := range keys {
		switch k := k.(type) {
		case rune:
			s.InjectKey(tcell.KeyRune, k, tcell.ModNone)
		case tcell.Key:
			s.InjectKey(k, 0, tcell.ModNone)
		}
		synctest.Wait()
	}
}

// seen is what stands on the screen.
func (s *stage) seen() string {
	width, height := s.Size()
	var b strings.Builder
	for y := range height {
		for x := 0; x < width; {
			text, _, w := s.Get(x, y)
			b.WriteString(text)
			x += w
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (s *stage) wants(t *testing.T, texts ...string) {
	t.Helper()
	seen := s.seen()
	for _, text := range texts {
		if !strings.Contains(seen, text) {
			t.Errorf("%q is not to be seen:\n%s", text, seen)
		}
	}
}

// after lets time pass, and what happens then happen.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestLiveShowsComingsAndGoings(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.wants(t, "postern on mx.example.org", "well ready", "every 1s")
		s.hide(true)
		after(1100 * time.Millisecond)
		s.wants(t, "well gone since", "no such file")
		s.hide(false)
		s.let("late", func(context.Context) (status.Snapshot, error) { return status.Snapshot{Daemon: "late"}, nil })
		after(time.Second)
		s.wants(t, "well ready", "late ready")
		s.let("late", frozen)
		after(4 * time.Second)
		s.wants(t, "well ready", "late gone since", "no answer within 2s")
	})
}

func TestKeys(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.press('3')
		s.wants(t, "[decisions]", "no decision yet")
		s.press(tcell.KeyTab)
		s.wants(t, "[system]")
		s.press(tcell.KeyTab)
		s.wants(t, "[overview]")
		s.press(tcell.KeyBacktab)
		s.wants(t, "[system]")
		s.press('?')
		s.wants(t, "Ctrl-Z         suspend")
		s.press(tcell.KeyEscape, '1')
		s.wants(t, "[overview]")
		s.press('+')
		s.wants(t, "every 2s")
		s.press('-', '-')
		s.wants(t, "every 500ms")
		s.press('p')
		s.wants(t, "PAUSED")
		s.hide(true)
		after(5 * time.Second)
		s.wants(t, "PAUSED", "well ready")
		s.press('p')
		after(time.Second)
		s.wants(t, "every 500ms", "well gone")
		s.press(tcell.KeyPgDn, tcell.KeyDown, tcell.KeyUp, tcell.KeyPgUp, tcell.KeyHome, tcell.KeyCtrlL, 'x')
		s.wants(t, "well gone")
		s.press(tcell.KeyCtrlZ)
		if s.stopped != 1 {
			t.Errorf("suspended %d times", s.stopped)
		}
	})
}

func TestResize(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		for _, size := range [][2]int{{40, 10}, {200, 60}, {3, 1}, {1, 1}, {80, 24}} {
			s.SetSize(size[0], size[1])
			s.PostEvent(tcell.NewEventResize(size[0], size[1]))
			synctest.Wait()
		}
		s.wants(t, "well ready")
	})
}

func TestEnds(t *testing.T) {
	for name, end := range map[string]func(*stage){
		"q":      func(s *stage) { s.press('q') },
		"Ctrl-C": func(s *stage) { s.press(tcell.KeyCtrlC) },
		"signal": func(s *stage) { s.cancel() },
		"hangup": func(s *stage) { s.PostEvent(tcell.NewEventError(os.ErrClosed)) },
		"frozen": func(s *stage) {
			s.let("frozen", frozen)
			after(1500 * time.Millisecond)
			s.press('q')
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, s *stage) {
				end(s)
				synctest.Wait()
				select {
				case err := <-s.ended:
					s.ended <- err
				default:
					t.Error("it goes on")
				}
			})
		})
	}
}

// TestPanic has the screen finished before the panic goes on its way.
func TestPanic(t *testing.T) {
	_, top := houseOf(t)
	screen := tcell.NewSimulationScreen("UTF-8")
	top.Now = func() time.Time { panic("clock") }
	defer func() {
		if p := recover(); p != "clock" {
			t.Errorf("panic %v", p)
		}
		if screen.PollEvent() != nil {
			t.Error("the screen goes on")
		}
	}()
	_ = top.Run(t.Context(), screen, nil)
}
