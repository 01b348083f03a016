package top

import (
	"time"

	"github.com/gdamore/tcell/v2"
)

// event obeys the user and the terminal; false: it is the end.
func (l *live) event(event tcell.Event) bool {
	switch e := event.(type) {
	case *tcell.EventResize:
		l.screen.Sync()
	case *tcell.EventKey:
		return l.key(e)
	case *tcell.EventError:
		return false // the terminal is gone
	}
	return true
}

func (l *live) key(e *tcell.EventKey) bool {
	_, height := l.screen.Size()
	page := max(1, height-4)
	switch e.Key() {
	case tcell.KeyCtrlC:
		return false
	case tcell.KeyCtrlL:
		l.screen.Sync()
	case tcell.KeyCtrlZ:
		return l.suspend()
	case tcell.KeyEscape:
		l.view.Help = false
	case tcell.KeyTab:
		l.turn((l.view.Page + 1) % pages)
	case tcell.KeyBacktab:
		l.turn((l.view.Page + pages - 1) % pages)
	case tcell.KeyUp:
		l.scroll(-1)
	case tcell.KeyDown:
		l.scroll(1)
	case tcell.KeyPgUp:
		l.scroll(-page)
	case tcell.KeyPgDn:
		l.scroll(page)
	case tcell.KeyHome:
		l.view.Offset = 0
	case tcell.KeyRune:
		return l.letter(e.Rune())
	}
	return true
}

func (l *live) letter(r rune) bool {
	switch r {
	case 'q', 'Q':
		return false
	case '?', 'h':
		l.view.Help = !l.view.Help
	case 'p', ' ':
		l.view.Paused = !l.view.Paused
	case '1', '2', '3', '4':
		l.turn(Page(r - '1'))
	case '+':
		l.every(1)
	case '-':
		l.every(-1)
	case 'k':
		l.scroll(-1)
	case 'j':
		l.scroll(1)
	}
	return true
}

// turn goes to a page.
func (l *live) turn(p Page) {
	l.view.Page, l.view.Offset, l.view.Help = p, 0, false
}

// scroll goes some lines on, and never so far that nothing is left: the way
// back would be as long.
func (l *live) scroll(by int) {
	width, height := l.screen.Size()
	l.view.Offset = min(max(0, l.view.Offset+by), l.model.last(l.view, width, height))
}

// every asks more often or less.
func (l *live) every(step int) {
	l.view.Interval = interval(l.view.Interval, step)
	l.ticker.Reset(l.view.Interval)
}

// interval is the next longer or shorter one.
func interval(now time.Duration, step int) time.Duration {
	all := []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute}
	if step > 0 {
		for _, d := range all {
			if d > now {
				return d
			}
		}
		return now
	}
	for i := len(all) - 1; i >= 0; i-- {
		if all[i] < now {
			return all[i]
		}
	}
	return now
}
