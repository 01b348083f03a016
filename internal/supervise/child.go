package supervise

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"
)

const (
	// orderTime is how long a worker may take to read what it is told. The
	// reader of a worker does nothing else.
	orderTime = 30 * time.Second

	// lastWords is how long the report of a worker that has died is waited for.
	lastWords = time.Second
)

// child is a worker as its parent sees it.
type child struct {
	cmd      *exec.Cmd
	control  *control
	identity identity
	began    time.Time

	ready chan struct{} // closed when it serves
	done  chan struct{} // closed when it is gone; what follows is set by then
	exit  error
	fault string // its own account of why

	hurried  chan struct{} // closed by hurry
	hurry    func()
	mu       sync.Mutex
	pending  order         // what it has yet to be told
	applied  int           // serial of the newest settings it answers by
	news     chan struct{} // wakes who waits for applied
	told     chan struct{} // wakes the writer
	overdue  bool          // it was killed, since it would not go
	reported chan struct{} // closed when it has nothing more to say
}

// spawn starts a process for l and tells it to begin.
func spawn(command func() *exec.Cmd, l *loaded, grace time.Duration) (*child, error) {
	files, err := l.files()
	if err != nil {
		return nil, err
	}
	defer closeFiles(files)
	ours, theirs, err := newControl()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	c := &child{
		cmd:      command(),
		control:  ours,
		identity: l.identity,
		began:    time.Now(),
		ready:    make(chan struct{}),
		done:     make(chan struct{}),
		hurried:  make(chan struct{}),
		told:     make(chan struct{}, 1),
		news:     make(chan struct{}, 1),
		reported: make(chan struct{}),
	}
	c.hurry = sync.OnceFunc(func() { close(c.hurried) })
	dress(c.cmd, append([]*os.File{theirs}, files...))
	if err := c.cmd.Start(); err != nil {
		ours.Close()
		return nil, fmt.Errorf("start: %w", err)
	}
	go c.listen()
	go c.write()
	go c.wait()
	c.tell(order{
		Start:    &start{Listeners: l.names(), Identity: l.identity, Parent: os.Getpid(), Grace: grace},
		Settings: l.settings,
	})
	return c, nil
}

// dress sets what every worker has: the files, the environment, and a process
// group of its own, so that Ctrl-C reaches the parent alone.
func dress(cmd *exec.Cmd, files []*os.File) {
	sealDescriptors()
	cmd.Env = workerEnvironment(cmd.Environ())
	cmd.ExtraFiles = files
	if cmd.Stdout == nil {
		cmd.Stdout = os.Stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = deathSignal
	cmd.WaitDelay = lastWords
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// tell has the writer send o, together with what waits. Settings replace older
// ones.
func (c *child) tell(o order) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o.Start != nil {
		c.pending.Start = o.Start
	}
	if o.Settings != nil {
		c.pending.Settings, c.pending.Serial = o.Settings, o.Serial
	}
	c.pending.Leave = c.pending.Leave || o.Leave
	c.pending.Hurry = c.pending.Hurry || o.Hurry
	select {
	case c.told <- struct{}{}:
	default:
	}
}

func (c *child) takePending() order {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.pending
	c.pending = order{}
	return o
}

// write sends what the worker is told. One that does not read is of no use.
func (c *child) write() {
	for {
		select {
		case <-c.told:
		case <-c.done:
			return
		}
		err := c.control.send(c.takePending(), orderTime)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.kill()
		}
	}
}

// listen reads what the worker reports.
func (c *child) listen() {
	defer close(c.reported)
	isReady := sync.OnceFunc(func() { close(c.ready) })
	for {
		var r report
		if err := c.control.receive(&r, maxReport); err != nil {
			return
		}
		if r.Ready {
			isReady()
		}
		if r.Applied > 0 {
			c.hasApplied(r.Applied)
		}
		if r.Fault != "" {
			c.fault = tame(r.Fault)
		}
	}
}

func (c *child) hasApplied(serial int) {
	c.mu.Lock()
	c.applied = max(c.applied, serial)
	c.mu.Unlock()
	select {
	case c.news <- struct{}{}:
	default:
	}
}

// awaitApplied waits until the worker answers by the settings of that serial,
// or not at all; false if that did not come to pass before expired.
func (c *child) awaitApplied(serial int, expired <-chan struct{}) bool {
	for {
		c.mu.Lock()
		applied := c.applied
		c.mu.Unlock()
		if applied >= serial {
			return true
		}
		select {
		case <-c.news:
		case <-c.done:
			return true
		case <-expired:
			return false
		}
	}
}

// tame bounds a text that comes from a process without privileges, and keeps
// it on one line of the log.
func tame(text string) string {
	if len(text) > maxFault {
		text = text[:maxFault] + "…"
	}
	text = strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(text, string(unicode.ReplacementChar)))
}

// wait collects the process when it ends.
func (c *child) wait() {
	c.exit = c.cmd.Wait()
	c.control.SetReadDeadline(time.Now().Add(lastWords))
	<-c.reported
	c.control.Close()
	close(c.done)
}

// kill ends the process by force. It is another user's, and units often leave
// root no CAP_KILL: the end of the socket has it end by its own clock then.
func (c *child) kill() {
	c.mu.Lock()
	c.overdue = true
	c.mu.Unlock()
	if err := c.cmd.Process.Kill(); errors.Is(err, syscall.EPERM) {
		c.control.hangUp()
	}
}

func (c *child) wasKilled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.overdue
}

func (c *child) isGone() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// failure says why a process that is gone has gone: in its own words, if it had
// any.
func (c *child) failure() error {
	switch {
	case c.fault != "":
		return fmt.Errorf("worker: %s", c.fault)
	case c.exit != nil:
		return fmt.Errorf("worker: process %d ended: %w", c.pid(), c.exit)
	}
	return fmt.Errorf("worker: process %d ended without having been told to", c.pid())
}
