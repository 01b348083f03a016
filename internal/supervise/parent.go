package supervise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"slices"
	"sync"
	"time"
)

const (
	defaultStartWithin = 30 * time.Second
	defaultGrace       = 15 * time.Second
	defaultLeavers     = 8

	// applyWithin is how long a reload waits for the workers that leave to
	// answer by the new settings.
	applyWithin = 5 * time.Second
)

// Parent is the process that keeps privileges, files and listeners. Its fields
// are set before Run and not changed after; those that may be zero have the
// default that stands beside them. Run is called once.
type Parent struct {
	// Command makes the process of a worker, see [Self]. Arguments and
	// environment are world-readable: no secrets. Standard input is
	// /dev/null, output and error are those of the parent unless they are set.
	Command func() *exec.Cmd

	// Load reads the configuration, with the privileges of the parent; never
	// two at a time. It gets the listeners that are open and returns those of
	// them that stay, the same values, and new ones. What it returns belongs to
	// the Parent, which closes each when no load that is in force has it. On an
	// error Load closes what it has opened itself.
	Load func(ctx context.Context, held []Listener) (Load, error)

	Log *slog.Logger // silent if nil

	StartWithin time.Duration // for a worker to become ready; 30 s
	LameDuck    time.Duration // how long a leaving worker serves its connections; none
	Grace       time.Duration // from the end of that to SIGKILL; 15 s
	Leavers     int           // workers that may be in LameDuck at a time; 8

	loading sync.Mutex // one load or start at a time

	mu       sync.Mutex
	life     context.Context // of Run
	inForce  *loaded
	serial   int // of inForce
	current  *child
	leavers  []*child
	replaced chan struct{} // wakes keep: current is another one
	stopped  bool
	killed   int // workers that had to be, since the stop began
	helpers  sync.WaitGroup
}

// Run loads the configuration, starts a worker and calls ready when that
// serves. It starts another whenever a worker dies, until ctx ends; then it
// closes the listeners, has every worker drain at once, and returns when all
// have left. It fails if the first load fails, and if a worker had to be killed
// at the end.
func (p *Parent) Run(ctx context.Context, ready func()) error {
	err := p.begin(ctx)
	if ctx.Err() != nil {
		return p.stop() // a start that was called off is no failure
	}
	if err != nil {
		return errors.Join(err, p.stop())
	}
	ready()
	p.keep(ctx)
	return p.stop()
}

// Reload loads the configuration again and starts a worker with it. When that
// serves, the old one leaves, and when Reload returns, nobody is answered by the
// old settings any more, but by workers that drain. On an error, which tells the
// cause in the words of Load or of the worker, everything goes on as it was.
func (p *Parent) Reload(ctx context.Context) error {
	p.loading.Lock()
	defer p.loading.Unlock()
	p.mu.Lock()
	life, running := p.life, p.inForce != nil && !p.stopped
	p.mu.Unlock()
	if !running {
		return errors.New("reload: the parent is not running")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(life, cancel)()
	return p.load(ctx)
}

// Ready returns nil while a worker serves.
func (p *Parent) Ready(context.Context) error {
	if c := p.serving(); c == nil || c.isGone() {
		return errors.New("no worker serves")
	}
	return nil
}

func (p *Parent) begin(ctx context.Context) error {
	p.loading.Lock()
	defer p.loading.Unlock()
	p.mu.Lock()
	p.life = ctx
	p.Log = cmp.Or(p.Log, slog.New(slog.DiscardHandler))
	p.StartWithin = cmp.Or(p.StartWithin, defaultStartWithin)
	p.Grace = cmp.Or(p.Grace, defaultGrace)
	p.Leavers = cmp.Or(p.Leavers, defaultLeavers)
	p.replaced = make(chan struct{}, 1)
	p.mu.Unlock()
	hideMemory()
	return p.load(ctx)
}

// load is for who holds loading.
func (p *Parent) load(ctx context.Context) error {
	p.mu.Lock()
	before := p.inForce
	p.mu.Unlock()
	read, err := p.Load(ctx, before.held())
	if err != nil {
		return err
	}
	next, err := read.freeze()
	var c *child
	if err == nil {
		c, err = p.start(ctx, next)
	}
	if err != nil {
		next.closeAllBut(before)
		return err
	}
	p.replace(c, next)
	before.closeAllBut(next)
	p.awaitLeavers(ctx)
	return nil
}

// start returns a worker that serves.
func (p *Parent) start(ctx context.Context, l *loaded) (*child, error) {
	c, err := spawn(p.Command, l, p.Grace)
	if err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	timer := time.NewTimer(p.StartWithin)
	defer timer.Stop()
	select {
	case <-c.ready:
		p.Log.Info("worker serves", "worker", c.pid(), "took", time.Since(c.began))
		return c, nil
	case <-c.done:
		return nil, c.failure()
	case <-timer.C:
		err = fmt.Errorf("worker: process %d was not ready within %v", c.pid(), p.StartWithin)
	case <-ctx.Done():
		err = fmt.Errorf("worker: start: %w", ctx.Err())
	}
	c.kill()
	<-c.done
	return nil, err
}

// replace puts c in the place of the current worker, which leaves. All that are
// leaving answer by the new settings from now on.
func (p *Parent) replace(c *child, l *loaded) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.current
	p.current, p.inForce = c, l
	p.serial++
	if old != nil && !old.isGone() {
		p.seeOff(old)
		old.tell(order{Leave: true})
	}
	for _, leaver := range p.leavers {
		if leaver.identity == l.identity {
			leaver.tell(order{Settings: l.settings, Serial: p.serial})
		} else {
			leaver.hurry() // the new settings are for another user or another root
		}
	}
	if old != nil {
		select {
		case p.replaced <- struct{}{}:
		default:
		}
	}
}

// awaitLeavers returns when no worker answers by settings of before the load,
// but those that drain, or that are busy with something else for too long.
func (p *Parent) awaitLeavers(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, applyWithin)
	defer cancel()
	p.mu.Lock()
	leavers, serial := slices.Clone(p.leavers), p.serial
	p.mu.Unlock()
	for _, c := range leavers {
		if !isClosed(c.hurried) && !c.awaitApplied(serial, ctx.Done()) {
			p.Log.Warn("worker that leaves has not taken the new settings yet", "worker", c.pid())
		}
	}
}

func (p *Parent) serving() *child {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current
}

// stop has all workers leave, and waits for the last.
func (p *Parent) stop() error {
	p.loading.Lock()
	p.mu.Lock()
	p.stopped = true
	p.inForce.closeAllBut(nil)
	if p.current != nil {
		p.seeOff(p.current)
		p.current = nil
	}
	for _, c := range p.leavers {
		c.hurry()
	}
	p.mu.Unlock()
	p.loading.Unlock()
	p.helpers.Wait()
	if p.killed > 0 {
		return fmt.Errorf("stop: %d workers had not drained after %v and were killed", p.killed, p.Grace)
	}
	return nil
}
