// Package miltertest is an MTA by hand, for tests of milters: it sends packets
// that are written as lines of text, and reads the milter's answers as such.
package miltertest

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

// OptNeg is what Postfix offers at the start of a connection.
const OptNeg = "OPTNEG 6 0x1ff 0x1fffff"

// Patience is more than any answer takes.
const Patience = time.Minute

// Peer is the MTA's end of a connection to a milter.
type Peer struct {
	Conn    net.Conn
	Replies chan string // each packet of the milter, in words; closed at its end

	t testing.TB
}

// NewPeer reads what the milter says until the connection ends.
func NewPeer(t testing.TB, conn net.Conn) *Peer {
	p := &Peer{t: t, Conn: conn, Replies: make(chan string, 4096)}
	go func() {
		defer close(p.Replies)
		for {
			var head [5]byte
			if _, err := io.ReadFull(conn, head[:]); err != nil {
				return
			}
			data := make([]byte, binary.BigEndian.Uint32(head[:])-1)
			if _, err := io.ReadFull(conn, data); err != nil {
				return
			}
			p.Replies <- inWords(head[4], data)
		}
	}()
	t.Cleanup(func() { conn.Close() })
	return p
}

// commands by their names, as a line begins.
func commands() map[string]byte {
	return map[string]byte{
		"OPTNEG": 'O', "CONNECT": 'C', "HELO": 'H', "MAIL": 'M', "RCPT": 'R', "DATA": 'T', "HEADER": 'L', "EOH": 'N',
		"BODY": 'B', "END": 'E', "ABORT": 'A', "QUIT": 'Q', "MACRO": 'D', "UNKNOWN": 'U', "STRANGE": '~',
	}
}

// inWords is a packet of the milter as a line.
func inWords(code byte, data []byte) string {
	names := map[byte]string{'a': "accept", 'c': "continue", 'r': "reject", 't': "tempfail", 'y': "reply", '+': "add", '-': "delete", 'e': "from"}
	if code == 'O' {
		return "optneg " + hex.EncodeToString(data)
	}
	name := names[code]
	if name == "" {
		name = fmt.Sprintf("unknown %q", code)
	}
	text, terminated := strings.CutSuffix(string(data), "\x00")
	if len(data) > 0 && !terminated {
		name += " (no NUL)"
	}
	return strings.TrimSpace(name + " " + text)
}

// Packet makes one of a line:
//
//	OPTNEG 6 0x1ff 0x1fffff      numbers
//	MACRO MAIL {auth_authen}=alice i=4AbC
//	HEADER From: a text with \n and the like, as in Go
//	CONNECT mx.example.net 4 25 192.0.2.1
//	MAIL <a@example.org> SIZE=10 each word a string of its own
//	HEX 00000001 44              bytes of whatever
func Packet(line string) ([]byte, error) {
	name, rest, _ := strings.Cut(line, " ")
	if name == "HEX" {
		return hex.DecodeString(strings.ReplaceAll(rest, " ", ""))
	}
	code, known := commands()[name]
	if !known {
		return nil, fmt.Errorf("no command %q", name)
	}
	data, err := argument(name, rest)
	return Frame(code, data), err
}

func argument(name, rest string) (data []byte, err error) {
	if name == "HEADER" {
		field, value, _ := strings.Cut(rest, ": ")
		field, err = strconv.Unquote(`"` + strings.ReplaceAll(field, `"`, `\"`) + `"`)
		if err != nil {
			return nil, err
		}
		value, err = strconv.Unquote(`"` + strings.ReplaceAll(value, `"`, `\"`) + `"`)
		return []byte(field + "\x00" + value + "\x00"), err
	}
	for i, word := range strings.Fields(rest) {
		switch {
		case name == "CONNECT" && i == 1: // the family, without a NUL
			data = append(data, word...)
		case name == "CONNECT" && i == 2:
			port, err := strconv.ParseUint(word, 10, 16)
			if err != nil {
				return nil, err
			}
			data = binary.BigEndian.AppendUint16(data, uint16(port))
		case name == "OPTNEG":
			n, err := strconv.ParseUint(word, 0, 32)
			if err != nil {
				return nil, err
			}
			data = binary.BigEndian.AppendUint32(data, uint32(n))
		case name == "MACRO" && i == 0:
			data = append(data, commands()[word])
		case name == "MACRO":
			data = append(append(data, strings.Replace(word, "=", "\x00", 1)...), 0)
		default:
			data = append(append(data, word...), 0)
		}
	}
	return data, nil
}

// Frame puts the length before a packet.
func Frame(code byte, data []byte) []byte {
	p := binary.BigEndian.AppendUint32(nil, uint32(len(data)+1))
	return append(append(p, code), data...)
}

// Send sends the packets of lines.
func (p *Peer) Send(lines ...string) {
	p.t.Helper()
	for _, line := range lines {
		b, err := Packet(line)
		if err != nil {
			p.t.Fatalf("%s: %v", line, err)
		}
		p.Conn.Write(b) // that the milter has hung up shows in what it says
	}
}

// Heard is the next reply, "(closed)" at the end.
func (p *Peer) Heard() string {
	select {
	case reply, open := <-p.Replies:
		if !open {
			return "(closed)"
		}
		return reply
	case <-time.After(Patience):
		return "(nothing)"
	}
}

// Want reads replies.
func (p *Peer) Want(replies ...string) {
	p.t.Helper()
	for _, want := range replies {
		if got := p.Heard(); got != want {
			p.t.Fatalf("milter says %q, want %q", got, want)
		}
	}
}
