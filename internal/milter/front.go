package milter

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"
)

// front stands between Postfix and go-milter as the connection that go-milter
// sees. It reads whole packets within time and size limits, hands over those
// that matter and are well formed, and answers the rest itself. go-milter meets
// no error but a clean end, which is the one it does not print to the standard
// logger. Replies are collected and leave when the next command is waited for.
type front struct {
	net.Conn
	session Session
	conn    *Conn // of the session
	options Options
	limits  Timeouts     // of options
	log     *slog.Logger // of options, with the client
	r       *bufio.Reader
	w       *bufio.Writer

	packet     []byte // what go-milter has not read yet
	space      []byte // that packet is made in
	negotiated bool
	over       bool // nothing more is read or written

	closing sync.Once
	closed  chan struct{}

	mu     sync.Mutex
	stopBy time.Time // when a connection between messages ends; zero: no stop
	busy   bool      // a message is under way
}

func newFront(conn net.Conn, o Options) *front {
	return &front{
		Conn: conn, options: o, limits: o.Timeouts, log: o.Log,
		r: bufio.NewReader(conn), w: bufio.NewWriter(conn),
		closed: make(chan struct{}),
	}
}

// Read gives go-milter the next packet, or an end.
func (f *front) Read(p []byte) (int, error) {
	if len(f.packet) == 0 && !f.next() {
		return 0, io.EOF
	}
	n := copy(p, f.packet)
	f.packet = f.packet[n:]
	return n, nil
}

// Write keeps a reply of go-milter's until the next Read. An error shows there.
func (f *front) Write(p []byte) (int, error) {
	f.send(p)
	return len(p), nil
}

// Close ends the connection; go-milter calls it last.
func (f *front) Close() error {
	err := f.Conn.Close()
	f.closing.Do(func() { close(f.closed) })
	return err
}

// send writes to the buffer, within the time that the peer has to take it.
func (f *front) send(p []byte) {
	if f.over {
		return
	}
	if f.w.Available() < len(p) {
		f.armWrite()
	}
	if _, err := f.w.Write(p); err != nil {
		f.end("write", err)
	}
}

// answer sends a reply without data.
func (f *front) answer(code byte) {
	f.send([]byte{0, 0, 0, 1, code})
}

// flush sends what was kept.
func (f *front) flush() {
	if f.over || f.w.Buffered() == 0 {
		return
	}
	f.armWrite()
	if err := f.w.Flush(); err != nil {
		f.end("write", err)
	}
}

func (f *front) armWrite() {
	f.SetWriteDeadline(time.Now().Add(f.limits.Command))
}

// end notes why the connection is over, once.
func (f *front) end(stage string, err error) {
	if f.over {
		return
	}
	f.over = true
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe):
		f.log.Debug("connection ends", "stage", stage)
	case errors.Is(err, os.ErrDeadlineExceeded):
		f.log.Debug("connection ends: time is over", "stage", stage)
	default:
		f.log.Debug("connection ends", "stage", stage, "error", err)
	}
}

// stop begins the end: at once between messages, else after the message.
func (f *front) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopBy = time.Now().Add(f.limits.LameDuck)
	if !f.busy {
		f.SetReadDeadline(f.stopBy)
	}
}

// setBusy tells whether a message is under way.
func (f *front) setBusy(busy bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy = busy
}

// armRead sets the time by which bytes must come.
func (f *front) armRead(limit time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	by := time.Now().Add(limit)
	if !f.busy && !f.stopBy.IsZero() && f.stopBy.Before(by) {
		by = f.stopBy
	}
	f.SetReadDeadline(by)
}
