package milter_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"postern/srsd/milter"
)

// FuzzConversation sends arbitrary bytes after a negotiation, or none, and
// hangs up. The milter must end, say only what the protocol knows, and change
// no message that it does not accept.
func FuzzConversation(f *testing.F) {
	for _, lines := range [][]string{
		{optneg, "MAIL <a@far.example>", "RCPT <b@out.example>", "END", "QUIT"},
		{optneg, "MACRO MAIL i 1", "MAIL <>", "RCPT <fwd+a=far.example@srs.example>", "RCPT <forged@x>", "END", "ABORT"},
		{optneg, "END", "RCPT <b@x>", "MAIL <a@x>", "MAIL <a@x>", optneg, "MACRO", "BODY x", "STRANGE", "CONNECT"},
		{optneg, "MAIL <panic@x>", "RCPT <local-panic@x>", "RCPT <refuse-panic@x>", "END", "HEX 00000000"},
		{"OPTNEG 1 0 0"}, {"HEX 80000000 4d"}, {optneg, "HEX 00000064 4d 3c"},
		{optneg, `MAIL <"a\"@b"@[IPv6:::1]>`, "RCPT <@r:b@x>", "END"},
	} {
		var all []byte
		for _, line := range lines {
			b, err := packet(line)
			if err != nil {
				f.Fatal(err)
			}
			all = append(all, b...)
		}
		f.Add(all)
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		r := &rig{handler: milter.Handler{Rules: fakeRules, Timeouts: milter.Timeouts{Command: time.Second, Idle: time.Second}}}
		ours, theirs := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.handler.ServeConn(context.Background(), ours)
		}()
		p := newPeer(t, theirs)
		theirs.SetWriteDeadline(time.Now().Add(10 * time.Second))
		theirs.Write(sent)
		theirs.Close()
		var said []string
		for reply := range p.Replies {
			said = append(said, reply)
		}
		<-done
		checkReplies(t, said)
	})
}

// checkReplies looks at what may follow what.
func checkReplies(t *testing.T, said []string) {
	changing := false
	for _, reply := range said {
		name, _, _ := strings.Cut(reply, " ")
		switch name {
		case "add", "delete", "from":
			changing = true
		case "accept":
			changing = false
		case "continue", "reject", "tempfail", "reply", "optneg":
			if changing {
				t.Fatalf("%s after changes: %q", name, said)
			}
		default:
			t.Fatalf("said %q", said)
		}
		if strings.ContainsAny(reply, "\r\n\x00") && name != "optneg" {
			t.Fatalf("said %q", reply)
		}
	}
}
