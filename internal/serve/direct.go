package serve

import (
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
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
	p   []byte
	n   int // of p
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
	d.tryRead, d.tryWrite = d.in.read, d.out.write
	return d
}

// Read is net.Conn's.
func (d *direct) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	d.in = transfer{p: p}
	err := d.raw.Read(d.tryRead)
	switch {
	case err != nil || d.in.err != nil:
		return 0, d.opError("read", err, d.in.err)
	case d.in.n == 0:
		return 0, io.EOF
	}
	return d.in.n, nil
}

// Write is net.Conn's.
func (d *direct) Write(p []byte) (int, error) {
	d.out = transfer{p: p}
	err := d.raw.Write(d.tryWrite)
	if err != nil || d.out.err != nil {
		return d.out.n, d.opError("write", err, d.out.err)
	}
	return d.out.n, nil
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
	for {
		n, err := message(unix.SYS_RECVFROM, fd, t.p, 0)
		switch err {
		case 0:
			t.n = n
			return true
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			t.err = os.NewSyscallError("read", err)
			return true
		}
	}
}

// write sends as much as there is room for; it is not done until all is sent.
func (t *transfer) write(fd uintptr) (done bool) {
	for t.n < len(t.p) {
		n, err := message(unix.SYS_SENDTO, fd, t.p[t.n:], unix.MSG_NOSIGNAL)
		switch err {
		case 0:
			t.n += n
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			t.err = os.NewSyscallError("write", err)
			return true
		}
	}
	return true
}

// message is recv(2) or send(2), which are a shorter way through the kernel
// than read(2) and write(2).
func message(call, fd uintptr, p []byte, flags uintptr) (int, unix.Errno) {
	n, _, err := unix.RawSyscall6(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
	return int(n), err
}
