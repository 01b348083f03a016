package milter

import (
	"encoding/binary"
	"fmt"
	"io"

	gomilter "github.com/emersion/go-milter"
)

const (
	// maxPacket bounds the length of every packet. The longest that Postfix
	// sends is a header of header_size_limit, 100 KiB.
	maxPacket = 1 << 20

	// maxMacros bounds what is kept in memory of macros.
	maxMacros = 64 << 10
)

// next reads packets until there is one for go-milter.
func (f *front) next() bool {
	for {
		f.flush()
		if f.over {
			return false
		}
		code, n, err := f.head()
		if err != nil {
			f.end("read", err)
			return false
		}
		if err := f.take(code, n); err != nil {
			f.flush()
			f.malformed(err)
			return false
		}
		if len(f.packet) > 0 && !f.over {
			return true
		}
	}
}

// head reads the length of a packet, returned without that of its code, and
// the code.
func (f *front) head() (code gomilter.Code, n int, err error) {
	if f.negotiated {
		f.armRead(f.limits.Idle)
	} else {
		f.armRead(f.limits.Command) // Postfix begins at once
	}
	if _, err := f.r.Peek(1); err != nil {
		return 0, 0, err
	}
	f.armRead(f.limits.Command)
	var head [5]byte
	if _, err := io.ReadFull(f.r, head[:4]); err != nil {
		return 0, 0, err
	}
	length := binary.BigEndian.Uint32(head[:4])
	if length == 0 || length > maxPacket {
		f.malformed(fmt.Errorf("packet: length %d: want 1 to %d", length, maxPacket))
		return 0, 0, io.EOF
	}
	if _, err := io.ReadFull(f.r, head[4:]); err != nil {
		return 0, 0, err
	}
	return gomilter.Code(head[4]), int(length) - 1, nil
}

// malformed ends the connection because the peer broke the protocol.
func (f *front) malformed(err error) {
	if f.over {
		return
	}
	f.log.Warn("milter protocol: connection ends", "error", err)
	if f.options.Malformed != nil {
		f.options.Malformed()
	}
	f.over = true
}

// take reads the n bytes of a packet and passes it on, answers or drops it.
// An error is a breach of the protocol.
func (f *front) take(code gomilter.Code, n int) error {
	if code != gomilter.CodeOptNeg && !f.negotiated {
		return fmt.Errorf("packet %q before the option negotiation", code)
	}
	if limit, wanted := f.options.Arguments[code]; wanted {
		return f.takeArgument(code, n, limit)
	}
	switch code {
	case gomilter.CodeOptNeg:
		return f.negotiate(n)
	case gomilter.CodeMacro:
		if n > 0 && n <= maxMacros {
			return f.pass(code, f.payload(n))
		}
		f.skip(n)
	case gomilter.CodeConn:
		f.takeClient(n)
		f.answer(byte(gomilter.ActContinue))
	case gomilter.CodeEOB, gomilter.CodeAbort, gomilter.CodeQuit:
		f.skip(n)
		return f.pass(code, nil)
	default:
		// What we asked not to be sent, and what nobody knows.
		f.skip(n)
		f.answer(byte(gomilter.ActContinue))
	}
	return nil
}

// takeArgument has the session look at an argument.
func (f *front) takeArgument(code gomilter.Code, n, limit int) error {
	var argument []byte
	whole := n <= limit
	if whole {
		argument = f.payload(n)
	} else {
		f.skip(n)
	}
	if f.over {
		return nil
	}
	pass, answer := f.session.Take(code, argument, whole)
	if answer != 0 {
		f.answer(byte(answer))
		return nil
	}
	return f.pass(code, pass)
}

// payload reads n bytes.
func (f *front) payload(n int) []byte {
	data := make([]byte, n)
	if _, err := io.ReadFull(f.r, data); err != nil {
		f.end("read", err)
	}
	return data
}

// skip drops n bytes.
func (f *front) skip(n int) {
	if _, err := f.r.Discard(n); err != nil {
		f.end("read", err)
	}
}

// pass makes a packet that go-milter reads next.
func (f *front) pass(code gomilter.Code, data []byte) error {
	if f.over {
		return nil
	}
	f.space = binary.BigEndian.AppendUint32(f.space[:0], uint32(len(data)+1))
	f.space = append(f.space, byte(code))
	f.space = append(f.space, data...)
	f.packet = f.space
	return nil
}
