package milter_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"postern/internal/lookup"
	"postern/srsd/milter"
)

// New rules count from the next MAIL on, on open connections too.
func TestReload(t *testing.T) {
	rules := fakeRules()
	r := newRig(milter.Rules{})
	r.handler.Rules = func() milter.Rules { return rules }
	p, _ := r.connect(t, t.Context())
	p.open().send("MAIL <a@far.example>", "RCPT <b@home.example>")
	p.Want("continue", "continue")
	rules.RewriteLocal = true
	p.send("END")
	p.Want("accept")
	p.send("MAIL <a@far.example>", "RCPT <b@home.example>", "END")
	p.Want("continue", "continue", "from <fwd+a=far.example@srs.example>", "accept")
}

// A thousand recipients fit by default, their replies leave in one go.
func TestManyRecipients(t *testing.T) {
	r := newRig(fakeRules())
	p, _ := r.connect(t, t.Context())
	p.open().send("MAIL <a@far.example>")
	p.Want("continue")
	for i := range milter.DefaultRecipientLimit {
		p.send(fmt.Sprintf("RCPT <fwd+u%d=far.example@srs.example>", i))
		p.Want("continue")
	}
	p.send("RCPT <one@too.many>")
	p.Want("reply 452 4.5.3 Too many recipients")
	p.send("END")
	for i := range milter.DefaultRecipientLimit {
		p.Want(fmt.Sprintf("delete <fwd+u%d=far.example@srs.example>", i))
	}
	for i := range milter.DefaultRecipientLimit {
		p.Want(fmt.Sprintf("add <u%d@far.example>", i))
	}
	p.Want("from <fwd+a=far.example@srs.example>", "accept")
	wantResults(t, r, "recipient_deferred=1 reversed=1000 rewritten=1")
}

// Reply lines that a rule makes too long are cut to what fits in one.
func TestLongReply(t *testing.T) {
	p, _ := newRig(fakeRules()).connect(t, t.Context())
	p.open().send("MAIL <a@far.example>", "RCPT <long@srs.example>")
	p.Want("continue", "reply 550 5.1.1 "+strings.Repeat("x", 390))
}

// Commands that come in one piece are answered one by one.
func TestPipelined(t *testing.T) {
	p, _ := newRig(fakeRules()).connect(t, t.Context())
	p.open()
	var all []byte
	for _, line := range []string{"MACRO MAIL i 1", "MAIL <a@far.example>", "RCPT <b@out.example>", "RCPT <forged@srs.example>", "END", "ABORT", "MAIL <>", "ABORT", "QUIT"} {
		b, err := packet(line)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	p.raw(all)
	p.Want("continue", "continue", "reply 550 5.1.1 <forged@srs.example>: forged, 100%% sure",
		"from <fwd+a=far.example@srs.example>", "accept", "continue")
	p.wantClosed()
}

// And so are those that come byte by byte.
func TestInPieces(t *testing.T) {
	p, _ := newRig(fakeRules()).connect(t, t.Context())
	p.open()
	for _, line := range []string{"MAIL <a@far.example>", "BODY hello", "RCPT <b@out.example>", "END"} {
		b, _ := packet(line)
		for i := range b {
			p.raw(b[i : i+1])
		}
	}
	p.Want("continue", "continue", "continue", "from <fwd+a=far.example@srs.example>", "accept")
}

// What reaches the log is bounded and escaped, refusals are seen at info.
func TestLog(t *testing.T) {
	rules := fakeRules()
	r := newRig(rules)
	p, done := r.connect(t, t.Context())
	long := strings.Repeat("x", 400)
	p.open().send("CONNECT mx.far.example 6 25 IPv6:2001:db8::7", "MACRO MAIL i 4AbC", "MAIL <"+long+"@far.example>", "MACRO RCPT i 4AbC", "RCPT <forged@srs.example>",
		"RCPT <b@"+long+".example>", "MACRO END i 4AbC", "END", "MAIL <hopeless@far.example>", `RCPT <"a_=b"@out.example>`, "END", "QUIT")
	for range p.Replies {
	}
	<-done
	log := r.logged.String()
	for _, want := range []string{
		"level=INFO msg=\"recipient refused\" peer=pipe client_address=2001:db8::7 client_name=mx.far.example queue_id=4AbC sender=xxx", "id=ID action=reject mode=enforce check=srs_milter reason=\"550 ", "100% sure", "level=DEBUG msg=\"message passed\"",
		"level=WARN msg=\"message rejected\"", "no host in SRS1 address", "peer=pipe",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("log lacks %s:\n%s", want, log)
		}
	}
	if strings.Contains(log, strings.Repeat("x", 201)) {
		t.Errorf("log holds a long address:\n%s", log)
	}
}

// Macros beyond their limit are not kept.
func TestHugeMacros(t *testing.T) {
	r := newRig(fakeRules())
	p, _ := r.connect(t, t.Context())
	p.open().send("MACRO MAIL i {x*65600}", "MAIL <a@far.example>", "MACRO RCPT i {y*65000}", "RCPT <forged@srs.example>")
	p.Want("continue", "reply 550 5.1.1 <forged@srs.example>: forged, 100%% sure")
	p.send("ABORT", "MACRO MAIL i {x*65600}", "MAIL <trouble@far.example>", "RCPT <b@out.example>", "END")
	p.Want("continue", "continue", "tempfail")
	log := r.logged.String()
	if !strings.Contains(log, "queue_id="+strings.Repeat("y", 200)+"…") || strings.Contains(log, "xxx") {
		t.Errorf("log:\n%s", log)
	}
}

// The error of a rule keeps its cause, and names the address.
func TestLogOfTrouble(t *testing.T) {
	rules := fakeRules()
	rules.Reverse = lookup.Func(func(context.Context, string) (string, bool, error) { return "", false, errTrouble })
	r := newRig(rules)
	p, _ := r.connect(t, t.Context())
	p.open().send("MAIL <>", "RCPT <b@out.example>", "END")
	p.Want("continue", "continue", "tempfail")
	want := `msg="message deferred" peer=pipe sender="" id=ID action=defer mode=enforce check=srs_milter error="reverse: recipient \"b@out.example\": database is away"`
	if log := r.logged.String(); !strings.Contains(log, want) {
		t.Errorf("log lacks %s:\n%s", want, log)
	}
}

// A Handler needs nothing but rules.
func TestBareHandler(t *testing.T) {
	r := &rig{handler: milter.Handler{Rules: fakeRules}}
	p, _ := r.connect(t, t.Context())
	p.open().send("MAIL <a@far.example>", "RCPT <b@out.example>", "END", "END")
	p.Want("continue", "continue", "from <fwd+a=far.example@srs.example>", "accept", "tempfail")
}
