//go:build integration

package stack

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/scratch"
	"postern/internal/scratch/machine"
)

// stranger is a client outside whose address has a name.
const stranger = "198.51.100.7"

// session is an SMTP session by hand: one command, one reply.
type session struct {
	t    *testing.T
	conn net.Conn
	text *textproto.Conn
	all  []scratch.Reply
}

// outside opens a session from an address outside to port 25, and says EHLO.
func (s *stack) outside(t *testing.T, from string) *session {
	t.Helper()
	conn, err := s.world.outside.Dial(t.Context(), from, machine.HostAddr+":25")
	if err != nil {
		t.Fatal(err)
	}
	c := newSession(t, conn)
	c.expect("", 220)
	c.expect("EHLO client.outside.test", 250)
	return c
}

// plainSubmission opens a session on port 587 and says nothing.
func (s *stack) plainSubmission(t *testing.T) *session {
	t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:587")
	if err != nil {
		t.Fatal(err)
	}
	c := newSession(t, conn)
	c.expect("", 220)
	return c
}

// submission opens a session on port 587, with TLS and without a login.
func (s *stack) submission(t *testing.T) *session {
	t.Helper()
	c := s.plainSubmission(t)
	c.expect("EHLO mua.test", 250)
	c.expect("STARTTLS", 220)
	c.conn = tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true})
	c.text = textproto.NewConn(c.conn)
	c.expect("EHLO mua.test", 250)
	return c
}

// login opens a session on port 587 and logs in.
func (s *stack) login(t *testing.T, user, password string) *session {
	t.Helper()
	c := s.submission(t)
	c.expect(authPlain(user, password), 235)
	return c
}

func authPlain(user, password string) string {
	return "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+user+"\x00"+password))
}

func newSession(t *testing.T, conn net.Conn) *session {
	c := &session{t: t, conn: conn, text: textproto.NewConn(conn)}
	t.Cleanup(func() {
		c.conn.Close()
		if t.Failed() {
			t.Logf("SMTP session:\n%s", scratch.Transcript(c.all))
		}
	})
	return c
}

// command sends a line and returns the reply; an empty line waits for a
// greeting. Trouble with the connection ends the test.
func (c *session) command(line string) scratch.Reply {
	c.t.Helper()
	reply, err := c.try(line)
	if err != nil {
		c.t.Fatal(err)
	}
	return reply
}

// try is command where the connection may end.
func (c *session) try(line string) (scratch.Reply, error) {
	c.conn.SetDeadline(time.Now().Add(patience))
	if line != "" {
		if err := c.text.PrintfLine("%s", line); err != nil {
			return scratch.Reply{}, fmt.Errorf("smtp: send %q: %w", line, err)
		}
	}
	code, text, err := c.text.ReadResponse(0)
	if err != nil {
		return scratch.Reply{}, fmt.Errorf("smtp: reply to %q: %w", line, err)
	}
	reply := scratch.Reply{Command: line, Code: code, Text: text}
	c.all = append(c.all, reply)
	return reply, nil
}

// expect is command whose reply must begin with a code and contain all texts.
func (c *session) expect(line string, code int, texts ...string) scratch.Reply {
	c.t.Helper()
	reply := c.command(line)
	if reply.Code != code || slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(reply.Text, text) }) {
		c.t.Errorf("%s; want %d %s", reply, code, strings.Join(texts, " … "))
	}
	return reply
}

// data sends a message with LF or CRLF line ends and returns the reply to its end.
func (c *session) data(text string) scratch.Reply {
	c.t.Helper()
	if reply := c.command("DATA"); reply.Code != 354 {
		return reply
	}
	w := c.text.DotWriter()
	if _, err := w.Write([]byte(text)); err != nil {
		c.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		c.t.Fatal(err)
	}
	reply := c.command("")
	c.all[len(c.all)-1].Command = "."
	return reply
}

// send sends one message to recipients that must all be taken, and ends.
func (c *session) send(from string, recipients []string, text string) {
	c.t.Helper()
	c.expect("MAIL FROM:<"+from+">", 250)
	for _, recipient := range recipients {
		c.expect("RCPT TO:<"+recipient+">", 250)
	}
	if reply := c.data(text); reply.Code != 250 {
		c.t.Fatalf("end of message: %s", reply)
	}
	c.command("QUIT")
}

// letter is a small message.
func letter(from, to, subject string) string {
	return fmt.Sprintf("From: <%s>\nTo: <%s>\nSubject: %s\nMessage-ID: <%s@test>\nDate: Sat, 21 Nov 2026 12:00:00 +0000\n\nhello\n", from, to, subject, subject)
}

// submit runs swaks(1) on port 587, with STARTTLS and a login. It returns what swaks
// says; an error is swaks' exit status, for a refusal too.
func submit(t *testing.T, user, password, from, to string, more ...string) (string, error) {
	t.Helper()
	args := []string{"--server", "127.0.0.1", "--port", "587", "--tls", "--auth", "PLAIN", "--auth-user", user, "--auth-password", password,
		"--from", from, "--to", to, "--helo", "mua.test", "--timeout", "120"}
	out, err := exec.CommandContext(t.Context(), "swaks", append(args, more...)...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), err
}
