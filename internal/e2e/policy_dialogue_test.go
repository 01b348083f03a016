//go:build integration

package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/internal/scratch"
)

// dialogue is SMTP as a client of a host speaks it. Its lines are
//
//	-- 192.0.2.1 mail.far.test [HELO]   a session of this client on port 25; "-" is a client without a name
//	-- login alice                      a session of this login on the submission service
//	-- nobody                           one there without a login
//	COMMAND | REPLY                     how the reply must begin, and after each " … " what it has within, or with "!" has not
//	. | REPLY                           the text of a message, and ".9000" one of that size at least
//	=> sent                             what became of the last message: sent, held or dropped
//	=> sent with Name: value            and the header that it has
//
// NAME stands for a value of names, where a line has {NAME}. The mark of the
// last message finds it.
func (h *policyHost) dialogue(t *testing.T, text string, names ...string) (mark string) {
	t.Helper()
	for i, name := range names {
		if i%2 == 0 {
			text = strings.ReplaceAll(text, "{"+name+"}", names[i+1])
		}
	}
	p := &player{t: t, host: h}
	defer p.hangUp()
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !p.line(line) {
			break // what follows would be about something else
		}
	}
	return p.mark
}

// player plays one.
type player struct {
	t      *testing.T
	host   *policyHost
	dialog *scratch.Dialog
	mark   string        // header of the last message
	last   scratch.Reply // to it
}

// line plays a line and reports whether all is as it should be.
func (p *player) line(line string) (ok bool) {
	p.t.Helper()
	if who, found := strings.CutPrefix(line, "-- "); found {
		p.hangUp()
		p.dialog = p.host.call(p.t, who)
		return true
	}
	if want, found := strings.CutPrefix(line, "=> "); found {
		got := p.host.fate(p.t, p.last, p.mark, want)
		if got != want {
			p.t.Errorf("the mail was %s, want %s", got, want)
		}
		return got == want
	}
	command, want, found := strings.Cut(line, "|")
	if !found {
		p.t.Fatalf("dialogue: %q has no reply", line)
	}
	return wantReply(p.t, p.say(strings.TrimSpace(command)), strings.TrimSpace(want))
}

// say sends a command, or a message.
func (p *player) say(command string) scratch.Reply {
	p.t.Helper()
	size, isText := strings.CutPrefix(command, ".")
	if !isText {
		reply, err := p.dialog.Command(command)
		if err != nil {
			p.t.Fatal(err)
		}
		return reply
	}
	n, _ := strconv.Atoi(size) // none: a short text
	p.mark = newSubject()
	reply, err := p.dialog.Body(p.mark + "\n\ntext\n" + strings.Repeat(strings.Repeat("x", 99)+"\n", n/100))
	if err != nil {
		p.t.Fatal(err)
	}
	p.last = reply
	return reply
}

func (p *player) hangUp() {
	if p.dialog != nil {
		p.dialog.Close()
	}
}

// wantReply compares a reply with what a dialogue says of it.
func wantReply(t *testing.T, reply scratch.Reply, want string) (ok bool) {
	t.Helper()
	got := fmt.Sprint(reply.Code, " ", reply.Text)
	parts := strings.Split(want, " … ")
	ok = strings.HasPrefix(got, parts[0])
	for _, part := range parts[1:] {
		not, isNot := strings.CutPrefix(part, "!")
		ok = ok && (isNot && !strings.Contains(got, not) || !isNot && strings.Contains(got, part))
	}
	if !ok {
		t.Errorf("%s: %s, want %s", reply.Command, got, want)
	}
	return ok
}

// call begins a session: as a client on port 25, or as a login.
func (h *policyHost) call(t *testing.T, who string) *scratch.Dialog {
	t.Helper()
	addr, xclient, helo := h.mta.Addr(), "", "client.test"
	if login, found := strings.CutPrefix(who, "login "); found {
		addr, xclient = h.submit, "XCLIENT ADDR=198.51.100.9 NAME=[UNAVAILABLE] LOGIN="+login
	} else if who == "nobody" {
		addr, xclient = h.submit, "XCLIENT ADDR=198.51.100.9 NAME=[UNAVAILABLE]"
	} else {
		fields := append(strings.Fields(who), "", "")
		name := fields[1]
		if name == "-" || name == "" {
			name = "[UNAVAILABLE]"
		} else {
			helo = name
		}
		if fields[2] != "" {
			helo = fields[2]
		}
		xclient = "XCLIENT ADDR=" + fields[0] + " NAME=" + name
	}
	d, err := scratch.DialSMTP(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"EHLO proxy.test", xclient, "EHLO " + helo} {
		if reply, err := d.Command(command); err != nil || !reply.OK() {
			d.Close()
			t.Fatalf("%v, %v", reply, err)
		}
	}
	return d
}

// attempt is the reply to a recipient, in a session of its own.
func (h *policyHost) attempt(t *testing.T, who, sender, recipient string) (reply scratch.Reply) {
	t.Helper()
	d := h.call(t, who)
	defer d.Close()
	for _, command := range []string{"MAIL FROM:<" + sender + ">", "RCPT TO:<" + recipient + ">"} {
		var err error
		if reply, err = d.Command(command); err != nil {
			t.Fatal(err)
		}
	}
	return reply
}

// fate tells what became of a mail that was taken. What has left the queue has
// reached the sink before.
func (h *policyHost) fate(t *testing.T, reply scratch.Reply, mark, want string) string {
	t.Helper()
	_, id, _ := strings.Cut(reply.Text, "queued as ")
	if id == "" {
		return "refused: " + reply.String()
	}
	queue := ""
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if queue = h.queueOf(t, id); queue == "" || queue == "hold" {
			break
		}
		if time.Now().After(end) {
			return "in the queue " + queue
		}
	}
	came := h.find(t, mark)
	_, header, _ := strings.Cut(want, " with ")
	switch {
	case queue != "":
		return "held"
	case came == nil:
		return "dropped"
	case header != "" && strings.Contains("\n"+string(came.Data), "\n"+header):
		return "sent with " + header
	case header == "" && strings.Contains(string(came.Data), "\nX-Postern"):
		return "sent with a header:\n" + string(came.Data)
	}
	return "sent"
}

// queueOf is the queue that a message is in; "" if it has left.
func (h *policyHost) queueOf(t *testing.T, id string) string {
	t.Helper()
	queue, err := h.mta.Queue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range queue {
		if m.ID == id {
			return m.Queue
		}
	}
	return ""
}
