package milter_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"postern/internal/milter/miltertest"
)

// peer is an MTA by hand, with lines of its own for packets.
type peer struct {
	*miltertest.Peer
	t testing.TB
}

func newPeer(t testing.TB, conn net.Conn) *peer { return &peer{miltertest.NewPeer(t, conn), t} }

// commands by their names.
var commands = map[string]byte{
	"OPTNEG": 'O', "CONNECT": 'C', "HELO": 'H', "MAIL": 'M', "RCPT": 'R', "DATA": 'T', "HEADER": 'L', "EOH": 'N',
	"BODY": 'B', "END": 'E', "ABORT": 'A', "QUIT": 'Q', "MACRO": 'D', "UNKNOWN": 'U', "STRANGE": '~',
}

// packet makes one of a line: the command and its strings, each with a NUL.
// OPTNEG takes numbers, HEX takes the bytes of whatever.
func packet(line string) ([]byte, error) {
	fields := strings.Fields(line)
	if fields[0] == "HEX" {
		return hex.DecodeString(strings.Join(fields[1:], ""))
	}
	if fields[0] == "CONNECT" {
		return miltertest.Packet(line)
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
	return miltertest.Frame(code, data), nil
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
	p.Conn.Write(b)
}

// wantClosed wants the end without a word.
func (p *peer) wantClosed() {
	p.t.Helper()
	p.Want("(closed)")
}

// optneg is what Postfix says and hears.
const (
	optneg   = miltertest.OptNeg
	agreed   = "optneg 00000002" + "0000004c" + "00000372"
	protocol = "OPTNEG 6 0x4c 0"
)

// open begins as Postfix does.
func (p *peer) open() *peer {
	p.t.Helper()
	p.send(optneg)
	p.Want(agreed)
	return p
}
