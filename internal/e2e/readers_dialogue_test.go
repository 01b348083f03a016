//go:build integration

package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/internal/scratch"
)

// readerPlayer plays a dialogue against a side. Beside the lines of
// policyHost.dialogue without "=> sent" it knows
//
//	=> out a@far.test, b@far.test             who got the last mail, outside
//	=> box john@example.org                   in a mailbox
//	=> out a@far.test with From: a@far.test   and a header that it has
//	=> out a@far.test from <b@host.test>      and its envelope sender
//
// and keeps what was said, so that two sides can be compared.
type readerPlayer struct {
	t          *testing.T
	side       *readerSide
	dialog     *scratch.Dialog
	from, to   string // of the last mail
	mark       string
	last       scratch.Reply
	transcript strings.Builder
}

// play returns the replies and where mail went. A line that is not as it
// should be is an error; the dialogue goes on.
func (s *readerSide) play(t *testing.T, text string) (transcript string) {
	t.Helper()
	p := &readerPlayer{t: t, side: s}
	defer p.hangUp()
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			p.line(line)
		}
	}
	return p.transcript.String()
}

func (p *readerPlayer) hangUp() {
	if p.dialog != nil {
		p.dialog.Close()
		p.dialog = nil
	}
}

func (p *readerPlayer) line(line string) {
	p.t.Helper()
	if who, found := strings.CutPrefix(line, "-- "); found {
		p.hangUp()
		p.dialog = p.side.call(p.t, who)
		fmt.Fprintf(&p.transcript, "-- %s\n", who)
		return
	}
	if want, found := strings.CutPrefix(line, "=> "); found {
		got := p.arrived(want)
		if got != want {
			p.t.Errorf("%s: mail from <%s> to %s: %s, want %s", p.side.name, p.from, p.to, got, want)
		}
		fmt.Fprintf(&p.transcript, "=> %s\n", got)
		return
	}
	command, want, found := strings.Cut(line, "|")
	if !found {
		p.t.Fatalf("dialogue: %q has no reply", line)
	}
	reply := p.say(strings.TrimSpace(command))
	wantReply(p.t, reply, strings.TrimSpace(want))
	fmt.Fprintln(&p.transcript, volatile.ReplaceAllString(reply.String(), "…"))
}

// volatile is what differs between two replies that are alike.
var volatile = regexp.MustCompile(`queued as \w+|\(id \w+\)|Subject: .*`)

func (p *readerPlayer) say(command string) scratch.Reply {
	p.t.Helper()
	var reply scratch.Reply
	var err error
	switch {
	case command == ".":
		p.mark = newSubject()
		reply, err = p.dialog.Body(fmt.Sprintf("%s\nFrom: %s\nTo: %s\n\ntext\n", p.mark, p.from, p.to))
		p.last = reply
	default:
		p.note(command)
		reply, err = p.dialog.Command(command)
	}
	if err != nil {
		p.t.Fatalf("%s: %s: %v", p.side.name, command, err)
	}
	return reply
}

// note keeps the addresses for the header.
func (p *readerPlayer) note(command string) {
	if from, found := strings.CutPrefix(command, "MAIL FROM:<"); found {
		p.from, _, _ = strings.Cut(from, ">")
	}
	if to, found := strings.CutPrefix(command, "RCPT TO:<"); found {
		p.to, _, _ = strings.Cut(to, ">")
	}
}

// arrived tells where the last mail went, in the words of want.
func (p *readerPlayer) arrived(want string) string {
	p.t.Helper()
	_, id, _ := strings.Cut(p.last.Text, "queued as ")
	if id == "" {
		return "is not there: " + p.last.String()
	}
	eventually(p.t, "mail "+id+" has left the queue", func() bool {
		return strings.Contains(p.side.mta.Log(), ": "+id+": removed\n")
	})
	p.last = scratch.Reply{}
	want, header, _ := strings.Cut(want, " with ")
	_, sender, _ := strings.Cut(want, " from ")
	if places := p.found(sender, header); places != "" {
		return places
	}
	return "nowhere: " + p.side.history(id)
}

// found looks in the sinks for the mail with the last mark.
func (p *readerPlayer) found(sender, header string) string {
	p.t.Helper()
	var places []string
	rest := ""
	for _, place := range []struct {
		name string
		sink *scratch.Sink
	}{{"out", p.side.host.out}, {"box", p.side.host.boxes}} {
		messages, err := place.sink.Messages(p.t.Context())
		if err != nil {
			p.t.Fatal(err)
		}
		var to []string
		for _, m := range messages {
			head, _, _ := strings.Cut(string(m.Data), "\n\n")
			if !strings.Contains(head, p.mark) {
				continue
			}
			to = append(to, m.Recipients...)
			rest = described(m, head, sender, header)
		}
		if slices.Sort(to); to != nil {
			places = append(places, place.name+" "+strings.Join(to, ", "))
		}
	}
	return strings.Join(places, " and ") + rest
}

// history is what the log says of a mail.
func (s *readerSide) history(id string) string {
	var lines strings.Builder
	for line := range strings.Lines(s.mta.Log()) {
		if strings.Contains(line, id) {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// described is what a dialogue wants to know of a message beside where it went.
func described(m scratch.Message, head, sender, header string) (rest string) {
	if sender != "" {
		rest = " from <" + m.Sender + ">"
	}
	if header != "" && strings.Contains("\n"+head+"\n", "\n"+header+"\n") {
		rest += " with " + header
	}
	return rest
}

// same plays a dialogue on both sides, which must say the same.
func (h *readerHost) same(t *testing.T, text string) {
	t.Helper()
	before, after := h.before.play(t, text), h.after.play(t, text)
	if before != after {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	if strings.Count(before, "\n") < 10 {
		t.Error("this compares nothing")
	}
}
