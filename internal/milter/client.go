package milter

import (
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"strings"
)

// NewID names a decision: eight characters that can be read out on the
// telephone.
func NewID() string {
	var b [5]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return base32.StdEncoding.EncodeToString(b[:])
}

// maxClient bounds what is read of the command that tells of the client.
const maxClient = 4 << 10

// takeClient has the log name the client. The session is not told of it: what
// it decides does not depend on who connects.
func (f *front) takeClient(n int) {
	data := f.payload(min(n, maxClient))
	f.skip(n - len(data))
	if f.over {
		return
	}
	f.log = f.options.Log // not the client of an earlier session
	if name, address := client(data); address != "" {
		f.log = f.log.With("client_address", Clipped(address), "client_name", Clipped(name))
	}
	f.conn.Log = f.log
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
