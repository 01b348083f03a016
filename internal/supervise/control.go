package supervise

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxOrder bounds what the parent sends: the settings, above all.
	maxOrder = 64 << 20

	// maxReport bounds what the parent reads: a worker that serves strangers
	// may have been taken over by one, and the parent has privileges.
	maxReport = 64 << 10

	// maxFault bounds the text of an error that crosses.
	maxFault = 8 << 10
)

// order is what the parent tells a worker.
type order struct {
	Start    *start          `json:"start,omitempty"` // in the first one only
	Settings json.RawMessage `json:"settings,omitempty"`
	Serial   int             `json:"serial,omitempty"` // of the settings
	Leave    bool            `json:"leave,omitempty"`  // another serves: accept no more
	Hurry    bool            `json:"hurry,omitempty"`  // leave, and drain
}

// start is what a worker needs to begin.
type start struct {
	Listeners []string      `json:"listeners"` // names, from descriptor 4 on
	Identity  identity      `json:"identity"`
	Parent    int           `json:"parent"` // process id
	Grace     time.Duration `json:"grace"`
}

// report is what a worker tells the parent.
type report struct {
	Ready   bool   `json:"ready,omitempty"`
	Applied int    `json:"applied,omitempty"` // serial of settings that are in use, or never will be
	Fault   string `json:"fault,omitempty"`
}

// control is one end of the socket between parent and worker. A message is
// four bytes that tell its length, and JSON.
type control struct {
	net.Conn
	writing sync.Mutex
}

// newControl makes both ends; theirs is for the worker to inherit.
func newControl() (ours *control, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	theirs = os.NewFile(uintptr(fds[1]), "control")
	ours, err = controlOf(os.NewFile(uintptr(fds[0]), "control"))
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}

// controlOf takes f over.
func controlOf(f *os.File) (*control, error) {
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	return &control{Conn: conn}, nil
}

// hangUp lets the other process read to the end, and what it says be read.
func (c *control) hangUp() {
	if u, ok := c.Conn.(*net.UnixConn); ok {
		u.CloseWrite()
	}
}

// send writes one message, all of it within limit.
func (c *control) send(message any, limit time.Duration) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	frame := make([]byte, 4, 4+len(text))
	binary.BigEndian.PutUint32(frame, uint32(len(text)))
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	_, err = c.Write(append(frame, text...))
	return err
}

// receive reads one message of at most limit bytes. At the end of the other
// process it returns io.EOF.
func (c *control) receive(message any, limit uint32) error {
	var head [4]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > limit {
		return fmt.Errorf("message of %d bytes, at most %d are taken", size, limit)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(c, text); err != nil {
		return err
	}
	return json.Unmarshal(text, message)
}
