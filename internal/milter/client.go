package milter

import (
	"bytes"
	"strings"
)

// maxClient bounds what is read of the command that tells of the client.
const maxClient = 4 << 10

// takeClient has the log name the client, and a session that tells of its
// decisions. What it decides does not depend on who connects.
func (f *front) takeClient(n int) {
	data := f.payload(min(n, maxClient))
	f.skip(n - len(data))
	if f.over {
		return
	}
	f.log = f.options.Log // not the client of an earlier session
	name, address := client(data)
	if address != "" {
		f.log = f.log.With("client_address", Clipped(address), "client_name", Clipped(name))
	}
	f.conn.Log, f.conn.Client = f.log, address
}

// client reads the argument of CONNECT: a name, NUL, and the family of the
// address, which has a port of two bytes and a text with NUL. An IPv6 address
// may have a prefix (RFC 5321, section 4.1.3).
func client(data []byte) (name, address string) {
	before, rest, ok := bytes.Cut(data, []byte{0})
	if !ok || len(rest) < 3 || rest[0] == 'U' {
		return "", ""
	}
	after, _, _ := bytes.Cut(rest[3:], []byte{0})
	address = string(after)
	if len(address) > 5 && strings.EqualFold(address[:5], "IPv6:") {
		address = address[5:]
	}
	return string(before), address
}
