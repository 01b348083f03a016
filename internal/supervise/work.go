package supervise

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

const (
	controlDescriptor = 3

	// reportTime is how long the parent may take to read a report.
	reportTime = 10 * time.Second
)

// Worker is the process that serves. Its fields are set before Run.
type Worker struct {
	// Prepare, if it is not nil, opens what cannot be opened later, such as
	// the socket of syslog, which is in no chroot. It has the privileges of the
	// parent.
	Prepare func(settings json.RawMessage) error

	// Serve opens what the settings ask for, calls ready, and then accepts
	// from the listeners. When ctx ends it closes the listeners and serves the
	// connections that are open until they leave; when job.Hurry is closed,
	// after that, it releases them as well. It returns when none is left. Before
	// ready an error is that of the load; later, the end of a worker that was
	// not told to leave makes the parent start another.
	Serve func(ctx context.Context, job Job, ready func()) error

	// Apply takes newer settings into use, in a worker that leaves; never two
	// at a time, and while Serve runs. If it is nil or returns an error the
	// worker drains at once, so that the clients come back to a newer one.
	Apply func(settings json.RawMessage) error

	Log *slog.Logger // silent if nil
}

// Job is what a worker is given.
type Job struct {
	Settings  json.RawMessage
	Listeners []Listener // as in [Load]
	Hurry     <-chan struct{}
}

// Run does what the parent of this process says, until it is told to leave and
// Serve has returned. The process must have been started by a [Parent], and
// ends after Run.
func (w Worker) Run(ctx context.Context) error {
	w.Log = cmp.Or(w.Log, slog.New(slog.DiscardHandler))
	// ps(1) shows the name of the file, which may have been /proc/self/exe.
	os.WriteFile("/proc/self/comm", []byte(filepath.Base(os.Args[0])), 0)
	link, err := controlOf(os.NewFile(controlDescriptor, "control"))
	if err != nil {
		return fmt.Errorf("worker: descriptor %d does not lead to a parent process, which alone can start a worker: %w", controlDescriptor, err)
	}
	defer link.Close()
	err = w.obey(ctx, link)
	if err != nil {
		link.send(report{Fault: cut(err.Error())}, reportTime) // in vain if the parent is gone
	}
	return err
}

func cut(text string) string {
	return text[:min(len(text), maxFault)]
}

// obey is the life of a worker.
func (w Worker) obey(ctx context.Context, link *control) error {
	var first order
	if err := link.receive(&first, maxOrder); err != nil {
		return fmt.Errorf("first order of the parent: %w", err)
	}
	if first.Start == nil {
		return errors.New("first order of the parent: it does not tell how to start")
	}
	d := newDuty(ctx, w, first.Start)
	defer d.end()
	job, err := w.begin(first)
	if err != nil {
		return err
	}
	job.Hurry, d.listeners = d.hurried, job.Listeners
	go d.listen(link)
	go d.apply(link)
	ready := sync.OnceFunc(func() { link.send(report{Ready: true}, reportTime) })
	err = w.Serve(d.ctx, job, ready)
	if err == nil && d.ctx.Err() == nil {
		err = errors.New("ended without having been told to")
	}
	return err
}

// begin takes over what was inherited, and gives up what the worker must not
// keep.
func (w Worker) begin(first order) (Job, error) {
	job := Job{Settings: first.Settings}
	for n, name := range first.Start.Listeners {
		ln, err := inherit(controlDescriptor+1+n, name)
		if err != nil {
			return job, fmt.Errorf("listener %s: %w", name, err)
		}
		job.Listeners = append(job.Listeners, ln)
	}
	if w.Prepare != nil {
		if err := w.Prepare(first.Settings); err != nil {
			return job, err
		}
	}
	if err := first.Start.Identity.confine(); err != nil {
		return job, err
	}
	hideMemory()
	mournAgain()
	return job, nil
}

func inherit(fd int, name string) (Listener, error) {
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	ln, err := net.FileListener(f)
	return Listener{Name: name, Listener: ln}, err
}

// duty is what a worker has been told so far.
type duty struct {
	worker Worker
	start  *start
	ctx    context.Context // ends when it is to leave
	leave  context.CancelFunc

	listeners []Listener
	hurried   chan struct{}
	hurry     func()
	settings  chan order // the newest that have not been applied
	ended     chan struct{}
	signals   chan os.Signal
}

func newDuty(ctx context.Context, w Worker, s *start) *duty {
	d := &duty{
		worker:   w,
		start:    s,
		hurried:  make(chan struct{}),
		settings: make(chan order, 1),
		ended:    make(chan struct{}),
		signals:  make(chan os.Signal, 8),
	}
	d.ctx, d.leave = context.WithCancel(ctx)
	d.hurry = sync.OnceFunc(func() {
		d.leave()
		close(d.hurried)
	})
	// Whether to stop or to reload is the parent's to say, also when a signal
	// goes to all of its processes. A log that nobody reads is no reason to
	// end, nor is a terminal that others write to.
	signal.Notify(d.signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	signal.Ignore(syscall.SIGPIPE, syscall.SIGTTOU)
	context.AfterFunc(ctx, d.hurry)
	go d.mind()
	return d
}

// end is the end of the process, or that of a test.
func (d *duty) end() {
	d.leave()
	signal.Stop(d.signals)
	close(d.ended)
}

// mind heeds no signal, but that of the parent's death.
func (d *duty) mind() {
	for {
		select {
		case <-d.signals:
			if os.Getppid() != d.start.Parent {
				d.orphaned()
			}
		case <-d.ended:
			return
		}
	}
}

// listen heeds the orders of the parent, and its end.
func (d *duty) listen(link *control) {
	for {
		var o order
		if err := link.receive(&o, maxOrder); err != nil {
			d.orphaned()
			return
		}
		if o.Leave {
			d.makeWay()
		}
		if o.Settings != nil {
			d.newest(o)
		}
		if o.Hurry {
			d.hurry()
		}
	}
}

// makeWay leaves all new connections to the worker that has come: those that
// the kernel has let in wait for it. Serve would do the same, but when?
func (d *duty) makeWay() {
	d.leave()
	for _, ln := range d.listeners {
		ln.Close()
	}
}

// newest replaces settings that have not been applied yet.
func (d *duty) newest(o order) {
	select {
	case <-d.settings:
	default:
	}
	d.settings <- o
}

// apply takes newer settings into use, one after the other.
func (d *duty) apply(link *control) {
	for {
		select {
		case o := <-d.settings:
			if err := d.applied(o.Settings); err != nil {
				d.worker.Log.Warn("this worker leaves and cannot use the new settings: it drains now", "error", err)
				d.hurry()
			}
			link.send(report{Applied: o.Serial}, reportTime)
		case <-d.ended:
			return
		}
	}
}

func (d *duty) applied(settings json.RawMessage) error {
	if d.worker.Apply == nil {
		return errors.New("new settings need a new process")
	}
	return d.worker.Apply(settings)
}

// orphaned drains a worker whose parent has died, and bounds the time of it,
// as nobody else will.
func (d *duty) orphaned() {
	select {
	case <-d.ended:
		return
	default:
	}
	d.worker.Log.Error("the parent process is gone: draining")
	d.hurry()
	time.AfterFunc(d.start.Grace, func() {
		select {
		case <-d.ended:
		default:
			os.Exit(1)
		}
	})
}
