//go:build integration

package stack

import (
	"strings"
	"testing"
)

// door is one mail from outside, by a sender and for a recipient as they stand
// between <>, and what comes of it: the code of the reply to RCPT with words
// that are in it, or where it arrives.
type door struct {
	name      string
	sender    string // empty: ann@outside.test; "<>": the null sender
	recipient string
	code      int
	says      string
	arrives   string // for code 250
}

// try knocks at each door in a session of its own.
func (s *stack) try(t *testing.T, doors []door) {
	t.Helper()
	for _, d := range doors {
		t.Run(d.name, func(t *testing.T) { s.knock(t, d) })
	}
}

func (s *stack) knock(t *testing.T, d door) {
	sender := d.sender
	switch sender {
	case "":
		sender = "ann@outside.test"
	case "<>":
		sender = ""
	}
	c := s.outside(t, stranger)
	if reply := c.command("MAIL FROM:<" + sender + ">"); reply.Code != 250 {
		checkReply(t, reply.Code, reply.Text, d)
		return
	}
	reply := c.command("RCPT TO:<" + d.recipient + ">")
	checkReply(t, reply.Code, reply.Text, d)
	if reply.Code != 250 || d.code != 250 {
		return
	}
	if reply := c.data(letter("ann@outside.test", d.recipient, "door")); reply.Code != 250 {
		t.Fatalf("end of message: %s", reply)
	}
	s.world.mail(t, d.arrives)
}

func checkReply(t *testing.T, code int, text string, d door) {
	t.Helper()
	if code != d.code || !strings.Contains(text, d.says) {
		t.Errorf("%q gets %d %s; want %d %s", d.recipient, code, oneLine(text), d.code, d.says)
	}
}

// noneCaptured fails the test if mail went where a row would have captured it.
func (s *stack) noneCaptured(t *testing.T) {
	t.Helper()
	if captured := capturedMail(s); len(captured) > 0 {
		t.Errorf("mail went to %v", captured)
	}
}
