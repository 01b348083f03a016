//go:build integration

package stack

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/scratch/machine"
)

// Servers of the world.
const (
	ordinaryServer = "203.0.113.10:25"
	oldServer      = "203.0.113.11:25"
)

// message is a mail that left for the world.
type message struct {
	Client     string   // IP address that it came from
	Sender     string   // of the envelope, without <>; empty for the null sender
	Recipients []string // of the envelope, in the order of the RCPT commands
	Data       []byte   // header and body with CRLF, as they came
}

// header is the first value of a field, unfolded; empty without one.
func (m message) header(name string) string {
	header, _ := textproto.NewReader(bufio.NewReader(bytes.NewReader(m.Data))).ReadMIMEHeader()
	return header.Get(name)
}

// world is everybody outside: servers that keep what they take.
type world struct {
	outside *machine.Outside

	mu      sync.Mutex
	taken   []message
	answers map[string]string // by command, such as "RCPT ann@dest.test"
}

// startWorld starts the servers of the zone file.
func startWorld(outside *machine.Outside) (*world, error) {
	w := &world{outside: outside, answers: map[string]string{}}
	for addr, greets := range map[string]string{
		ordinaryServer: "250-mx.world.test\r\n250-PIPELINING\r\n250-SIZE 100000000\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8",
		oldServer:      "250 old.world.test",
	} {
		listener, err := outside.Listen(addr)
		if err != nil {
			return nil, err
		}
		go w.serve(listener, greets)
	}
	return w, nil
}

// answer makes the servers reply to RCPT for an address with a whole reply
// line, until the test ends.
func (w *world) answer(t *testing.T, address, reply string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[address] = reply
	t.Cleanup(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.answers, address)
	})
}

// mail waits for the next message to an address, takes it away and returns it.
func (w *world) mail(t *testing.T, recipient string) message {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if m, ok := w.take(recipient); ok {
			return m
		}
	}
	t.Fatalf("no message for %s within %v", recipient, patience)
	return message{}
}

// take takes the oldest message to an address.
func (w *world) take(recipient string) (message, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, m := range w.taken {
		if slices.Contains(m.Recipients, recipient) {
			w.taken = slices.Delete(w.taken, i, i+1)
			return m, true
		}
	}
	return message{}, false
}

// takeAll takes all messages whose first recipient begins with a prefix.
func (w *world) takeAll(prefix string) []message {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []message
	w.taken = slices.DeleteFunc(w.taken, func(m message) bool {
		if !strings.HasPrefix(m.Recipients[0], prefix) {
			return false
		}
		found = append(found, m)
		return true
	})
	return found
}

// has reports the recipients that have mail which match.
func (w *world) has(match func(recipient string) bool) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []string
	for _, m := range w.taken {
		for _, recipient := range m.Recipients {
			if match(recipient) {
				found = append(found, recipient)
			}
		}
	}
	return found
}

func (w *world) serve(listener net.Listener, greets string) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			client, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
			s := serverSession{world: w, text: textproto.NewConn(conn), greets: greets, mail: message{Client: client}}
			s.say("220 mx.world.test ESMTP")
			for s.turn() {
			}
		}()
	}
}

// serverSession is one session of a server of the world.
type serverSession struct {
	world  *world
	text   *textproto.Conn
	greets string
	mail   message
}

func (s *serverSession) say(reply string) { s.text.PrintfLine("%s", reply) }

// turn handles one command; false ends the session.
func (s *serverSession) turn() bool {
	line, err := s.text.ReadLine()
	if err != nil {
		return false
	}
	verb, rest, _ := strings.Cut(line, " ")
	switch strings.ToUpper(verb) {
	case "EHLO", "HELO":
		s.say(s.greets)
	case "MAIL":
		s.mail = message{Client: s.mail.Client, Sender: pathOf(rest)}
		s.say("250 2.1.0 ok")
	case "RCPT":
		s.recipient(pathOf(rest))
	case "DATA":
		return s.data()
	case "RSET", "NOOP":
		s.say("250 2.0.0 ok")
	case "QUIT":
		s.say("221 2.0.0 bye")
		return false
	default:
		s.say("502 5.5.1 not here")
	}
	return true
}

func (s *serverSession) recipient(address string) {
	s.world.mu.Lock()
	reply, special := s.world.answers[address]
	s.world.mu.Unlock()
	if special {
		s.say(reply)
		return
	}
	s.mail.Recipients = append(s.mail.Recipients, address)
	s.say("250 2.1.5 ok")
}

// data takes a message; a sender that hangs up in it has sent none.
func (s *serverSession) data() bool {
	if len(s.mail.Recipients) == 0 {
		s.say("554 5.5.1 no recipients")
		return true
	}
	s.say("354 go on")
	data, err := readData(s.text.R)
	if err != nil {
		return false
	}
	s.mail.Data = data
	s.world.mu.Lock()
	s.world.taken = append(s.world.taken, s.mail)
	s.world.mu.Unlock()
	s.say(fmt.Sprintf("250 2.0.0 taken, %d bytes", len(data)))
	return true
}

// readData reads to the line with a dot and takes the dots away, changing
// nothing else: a textproto.DotReader would change line ends.
func readData(r *bufio.Reader) ([]byte, error) {
	var data []byte
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if bytes.Equal(line, []byte(".\r\n")) {
			return data, nil
		}
		data = append(data, bytes.TrimPrefix(line, []byte("."))...)
	}
}

// pathOf is the address in "FROM:<address> SIZE=123".
func pathOf(args string) string {
	_, rest, _ := strings.Cut(args, "<")
	if end := strings.LastIndexByte(rest, '>'); end >= 0 {
		rest = rest[:end]
	}
	return rest
}
