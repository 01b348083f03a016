package serve

import (
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"
)

// direct reads and writes a socket by plain system calls. The net package tells
// the scheduler before and after each that it may block, and on a busy machine
// the scheduler then wakes a thread to take over. A call on a socket of Go's
// never blocks, and to tell takes as long as a look-up. Waiting, with
// deadlines, is left to the net package.
//
// One goroutine at a time may read, and one write.
type direct struct {
	conn     net.Conn
	raw      syscall.RawConn
	in, out  transfer
	tryRead  func(fd uintptr) (done bool)
	tryWrite func(fd uintptr) (done bool)
}

// transfer is a read or a write under way.
type transfer struct {
	p   []byte // what is left to fill or to send
	n   int
	err error
}

// directly is c itself if it is no socket.
func directly(c net.Conn) io.ReadWriter {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return c
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return c
	}
	d := &direct{conn: c, raw: raw}
	d.tryRead = func(fd uintptr) bool { return d.in.read(fd) }
	d.tryWrite = func(fd uintptr) bool { return d.out.write(fd) }
	return d
}

// Read is net.Conn's.
func (d *direct) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	d.in = transfer{p: p}
	err := d.raw.Read(d.tryRead)
	n, failed := d.in.n, d.in.err
	d.in = transfer{}
	switch {
	case err != nil || failed != nil:
		return n, d.opError("read", err, failed)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write is net.Conn's.
func (d *direct) Write(p []byte) (int, error) {
	d.out = transfer{p: p}
	err := d.raw.Write(d.tryWrite)
	n, failed := d.out.n, d.out.err
	d.out = transfer{}
	if err != nil || failed != nil {
		return n, d.opError("write", err, failed)
	}
	return n, nil
}

// opError says what the net package says of a wait, or of a call, that failed.
func (d *direct) opError(op string, wait, call error) error {
	if e, ok := wait.(*net.OpError); ok {
		e.Op = op
	}
	if wait != nil {
		return wait
	}
	return &net.OpError{Op: op, Net: d.conn.LocalAddr().Network(), Source: d.conn.LocalAddr(), Addr: d.conn.RemoteAddr(), Err: call}
}

// read takes what has arrived; it is not done if nothing has.
func (t *transfer) read(fd uintptr) (done bool) {
	n, err := plain(syscall.SYS_READ, fd, t.p)
	if err == syscall.EAGAIN {
		return false
	}
	if err != 0 {
		t.err = os.NewSyscallError("read", err)
		return true
	}
	t.n = n
	return true
}

// write sends as much as there is room for; it is not done until all is sent.
func (t *transfer) write(fd uintptr) (done bool) {
	for len(t.p) > 0 {
		n, err := plain(syscall.SYS_WRITE, fd, t.p)
		if err == syscall.EAGAIN {
			return false
		}
		if err != 0 {
			t.err = os.NewSyscallError("write", err)
			return true
		}
		t.n += n
		t.p = t.p[n:]
	}
	return true
}

// plain is a system call over bytes.
func plain(call, fd uintptr, p []byte) (int, syscall.Errno) {
	for {
		n, _, err := syscall.RawSyscall(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		if err != syscall.EINTR {
			return int(n), err
		}
	}
}
