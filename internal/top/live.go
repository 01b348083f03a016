package top

import (
	"context"
	"os"
	"time"

	"github.com/gdamore/tcell/v2"
)

// live is a terminal that shows a picture until the user has seen enough.
type live struct {
	Top
	screen  tcell.Screen
	poller  *poller
	model   *Model
	view    View
	ticker  *time.Ticker
	events  chan tcell.Event
	signals <-chan os.Signal // SIGCONT
	stop    func()           // suspends the process until it is continued
}

// Run shows the daemons on a screen, which it initializes and finishes, until
// the user quits or ctx ends. Before, first is what they said already.
func (t Top) Run(ctx context.Context, screen tcell.Screen, first []Answer) error {
	if err := screen.Init(); err != nil {
		return err
	}
	signals, stop := continued()
	l := &live{
		Top: t, screen: screen, model: &Model{}, view: View{Interval: t.Interval, ASCII: t.ASCII},
		signals: signals, stop: func() { stopProcess(signals) },
	}
	defer stop()
	return l.run(ctx, first)
}

// run asks and draws. However it ends, by a panic even, the terminal is given
// back first.
func (l *live) run(ctx context.Context, first []Answer) error {
	ctx, cancel := context.WithCancel(ctx)
	l.poller = &poller{Top: l.Top, answers: make(chan Answer), asking: map[string]bool{}}
	l.events = make(chan tcell.Event)
	pumped := make(chan struct{})
	go func() {
		defer close(pumped)
		pump(ctx, l.screen, l.events)
	}()
	defer func() {
		cancel() // what the user types now is thrown away, so that nothing waits for us
		l.screen.Fini()
		<-pumped
		l.poller.all.Wait()
	}()
	for _, a := range first {
		l.model.Take(a)
	}
	l.ticker = time.NewTicker(l.view.Interval)
	defer l.ticker.Stop()
	for again := true; again; {
		l.draw()
		again = l.next(ctx)
	}
	return nil
}

// pump hands events over; after ctx it throws them away until the screen ends.
func pump(ctx context.Context, screen tcell.Screen, events chan<- tcell.Event) {
	for {
		event := screen.PollEvent()
		if event == nil {
			return
		}
		select {
		case events <- event:
		case <-ctx.Done():
		}
	}
}

// next waits for something to happen; false: it is the end.
func (l *live) next(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case event := <-l.events:
		return l.event(event)
	case <-l.signals:
		return l.resume()
	case a := <-l.poller.answers:
		delete(l.poller.asking, a.Daemon)
		if !l.view.Paused {
			l.model.Take(a)
		}
	case <-l.ticker.C:
		if !l.view.Paused {
			l.poller.round(ctx, l.model.names())
		}
	}
	return true
}

// draw puts the picture onto the screen, each cell of it: what has not changed
// the screen does not send.
func (l *live) draw() {
	if !l.view.Paused {
		l.view.Now = l.Now()
	}
	width, height := l.screen.Size()
	colours := l.screen.Colors() >= 8
	lines := l.model.Picture(l.view, width, max(1, height))
	for y := range height {
		x := 0
		if y < len(lines) {
			x = l.write(y, lines[y], colours)
		}
		for ; x < width; x++ {
			l.screen.Put(x, y, " ", tcell.StyleDefault)
		}
	}
	l.screen.Show()
}

// write puts a line onto the screen and tells where it ends.
func (l *live) write(y int, line Line, colours bool) (x int) {
	for _, span := range line {
		for rest, w := span.Text, 0; rest != ""; x += w {
			if rest, w = l.screen.Put(x, y, rest, style(span.Look, colours)); w == 0 {
				return x
			}
		}
	}
	return x
}

// style is how a look looks, on a terminal without colours, too.
func style(look Look, colours bool) tcell.Style {
	plain := tcell.StyleDefault
	colour := func(c tcell.Color, s tcell.Style) tcell.Style {
		if colours {
			return s.Foreground(c)
		}
		return s
	}
	switch look {
	case Dim:
		return plain.Dim(true)
	case Strong:
		return plain.Bold(true)
	case Bar:
		return plain.Reverse(true)
	case Good:
		return colour(tcell.ColorGreen, plain)
	case Poor:
		return colour(tcell.ColorYellow, plain.Bold(true))
	case Bad:
		return colour(tcell.ColorRed, plain.Bold(true))
	case Chart:
		return colour(tcell.ColorTeal, plain)
	}
	return plain
}
