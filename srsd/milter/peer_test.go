package milter_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// peer is an MTA by hand.
type peer struct {
	t       testing.TB
	conn    net.Conn
	replies chan string // each packet of the milter, in words; closed at its end
}

// newPeer reads what the milter says until the connection ends.
func newPeer(t testing.TB, conn net.Conn) *peer {
	p := &peer{t: t, conn: conn, replies: make(chan string, 4096)}
	go func() {
		defer close(p.replies)
		for {
			code, data, err := readPacket(conn)
			if err != nil {
				return
			}
			p.replies <- inWords(code, data)
		}
	}()
	t.Cleanup(func() { conn.Close() })
	return p
}

func readPacket(r io.Reader) (code byte, data []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	data = make([]byte, binary.BigEndian.Uint32(head[:])-1)
	_, err = io.ReadFull(r, data)
	return head[4], data, err
}

// names of the commands and the replies.
var (
	commands = map[string]byte{
		"OPTNEG": 'O', "CONNECT": 'C', "HELO": 'H', "MAIL": 'M', "RCPT": 'R', "DATA": 'T', "HEADER": 'L', "EOH": 'N',
		"BODY": 'B', "END": 'E', "ABORT": 'A', "QUIT": 'Q', "MACRO": 'D', "UNKNOWN": 'U', "STRANGE": '~',
	}
	answers = map[byte]string{
		'a': "accept", 'c': "continue", 'r': "reject", 't': "tempfail", 'y': "reply", '+': "add", '-': "delete", 'e': "from",
	}
)

// inWords is a packet of the milter as a line of a conversation.
func inWords(code byte, data []byte) string {
	if code == 'O' {
		return "optneg " + hex.EncodeToString(data)
	}
	name, known := answers[code]
	if !known {
		name = fmt.Sprintf("unknown %q", code)
	}
	text, terminated := strings.CutSuffix(string(data), "\x00")
	if len(data) > 0 && !terminated {
		name += " (no NUL)"
	}
	return strings.TrimSpace(name + " " + text)
}

// packet makes one of a line: the command and its strings, each with a NUL.
// OPTNEG takes numbers, HEX takes the bytes of whatever.
func packet(line string) ([]byte, error) {
	fields := strings.Fields(line)
	if fields[0] == "HEX" {
		return hex.DecodeString(strings.Join(fields[1:], ""))
	}
	code, known := commands[fields[0]]
	if !known {
		return nil, fmt.Errorf("no command %q", fields[0])
	}
	var data []byte
	for i, field := range fields[1:] {
		switch {
		case fields[0] == "OPTNEG":
			n, err := strconv.ParseUint(field, 0, 32)
			if err != nil {
				return nil, err
			}
			data = binary.BigEndian.AppendUint32(data, uint32(n))
		case fields[0] == "MACRO" && i == 0:
			data = append(data, commands[field])
		default:
			data = append(append(data, unfold(field)...), 0)
		}
	}
	return frame(code, data), nil
}

// unfold writes out {a*600}, and _ as a blank.
func unfold(field string) string {
	head, rest, ok := strings.Cut(field, "{")
	repeat, tail, closed := strings.Cut(rest, "}")
	if c, times, star := strings.Cut(repeat, "*"); ok && closed && star {
		n, _ := strconv.Atoi(times)
		field = head + strings.Repeat(c, n) + tail
	}
	return strings.ReplaceAll(field, "_", " ")
}

func frame(code byte, data []byte) []byte {
	p := binary.BigEndian.AppendUint32(nil, uint32(len(data)+1))
	return append(append(p, code), data...)
}

// send sends the packets of lines.
func (p *peer) send(lines ...string) {
	p.t.Helper()
	for _, line := range lines {
		b, err := packet(line)
		if err != nil {
			p.t.Fatalf("%s: %v", line, err)
		}
		p.raw(b)
	}
}

// raw sends bytes; that the milter has hung up shows in what it says.
func (p *peer) raw(b []byte) {
	p.conn.Write(b)
}

// want reads replies.
func (p *peer) want(replies ...string) {
	p.t.Helper()
	for _, want := range replies {
		select {
		case got, open := <-p.replies:
			if !open {
				got = "(closed)"
			}
			if got != want {
				p.t.Fatalf("milter says %q, want %q", got, want)
			}
		case <-time.After(patience):
			p.t.Fatalf("milter says nothing, want %q", want)
		}
	}
}

// patience is more than any answer takes.
const patience = time.Minute

// wantClosed wants the end without a word.
func (p *peer) wantClosed() {
	p.t.Helper()
	p.want("(closed)")
}

// optneg is what Postfix says and hears.
const (
	optneg   = "OPTNEG 6 0x1ff 0x1fffff"
	agreed   = "optneg 00000002" + "0000004c" + "00000373"
	protocol = "OPTNEG 6 0x4c 0"
)

// open begins as Postfix does.
func (p *peer) open() *peer {
	p.t.Helper()
	p.send(optneg)
	p.want(agreed)
	return p
}
