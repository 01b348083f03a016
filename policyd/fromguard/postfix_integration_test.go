//go:build integration

package fromguard_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"postern/internal/scratch"
	"postern/internal/scratch/trixie"
	"postern/policyd/fromguard"
)

// TestPostfix runs under real Postfixes, before a real OpenDKIM.
func TestPostfix(t *testing.T) {
	t.Run("this Debian", func(t *testing.T) { testPostfix(t, "") })
	t.Run("Debian 13", func(t *testing.T) {
		root, err := trixie.Root(t.Context(), os.Stderr)
		if err != nil {
			t.Fatal(err)
		}
		testPostfix(t, root)
	})
}

func testPostfix(t *testing.T, root string) {
	h := startHost(t, root)
	for _, m := range mails() {
		t.Run(m.name, func(t *testing.T) { h.play(t, m) })
	}
	t.Run("headers as they come", h.testPlain)
	t.Run("one session", h.testSession)
	t.Run("many headers", h.testManyHeaders)
	t.Run("shadow", h.testShadow)
	t.Run("guard away", h.testAway)
}

// mail is one mail of alice and what becomes of it.
type mail struct {
	name   string
	from   string // argument of MAIL
	login  string // alice
	header string // \n between lines, without Subject
	want   string // how the reply begins; empty: taken
	signed string // d= of the signature that verifies
}

const (
	report = "MIME-Version: 1.0\nContent-Type: multipart/report; report-type=disposition-notification; boundary=x\n"
	none   = "550 5.7.1 Header From: a domain that is none of this login's"
)

func mails() []mail {
	return []mail{
		{name: "own", from: "<alice@fwd.test>", header: "From: Alice <alice@fwd.test>", signed: "fwd.test"},
		{name: "own, in another case", from: "<Alice@Fwd.Test>", header: "From: Alice <ALICE@FWD.test>", signed: "fwd.test"},
		{name: "another tenant", from: "<alice@fwd.test>", header: "From: ceo@b.test", want: none},
		{name: "notification", from: "<>", header: "From: alice@fwd.test\n" + report, signed: "fwd.test"},
		{name: "null sender and another tenant", from: "<>", header: "From: ceo@b.test", want: none},
		{name: "envelope of another", from: "<ceo@b.test>", header: "From: ceo@b.test", want: "553 5.7.1"},
		{name: "that other", login: "ceo", from: "<ceo@b.test>", header: "From: ceo@b.test", signed: "b.test"},
		{name: "Sender", from: "<alice@fwd.test>", header: "From: alice@fwd.test\nSender: ceo@b.test", want: "550 5.7.1 Header Sender: a domain"},
		{name: "Reply-To", from: "<alice@fwd.test>", header: "From: alice@fwd.test\nREPLY-TO: ceo@b.test", want: "550 5.7.1 Header REPLY-TO: a domain"},
		{name: "two From", from: "<alice@fwd.test>", header: "From: alice@fwd.test\nFrom: ceo@b.test", want: "550 5.7.1 Header From: it stands there twice"},
		{name: "two From, a blank before the colon", from: "<alice@fwd.test>", header: "To: b@out.test\nFrom : ceo@b.test\nFrom: alice@fwd.test", want: "550 5.7.1 Header From: it stands there twice"},
		{name: "From behind a bare CR, which Postfix makes a blank", from: "<alice@fwd.test>", header: "From: alice@fwd.test\nSubject: x\rFrom: ceo@b.test", signed: "fwd.test"},
		{name: "From behind a vertical tab", from: "<alice@fwd.test>", header: "From: alice@fwd.test\nSubject: x\vFrom: ceo@b.test", want: "550 5.7.1 Header From: a header hides"},
		{name: "a NUL", from: "<alice@fwd.test>", header: "From: alice@fwd.test\x00, ceo@b.test", want: "550 5.7.1 disallowed character"},
		{name: "encoded address", from: "<alice@fwd.test>", header: "From: =?utf-8?q?=3Cceo=40b.test=3E?= <alice@fwd.test>", want: "550 5.7.1 Header From: a display name"},
		{name: "folded", from: "<alice@fwd.test>", header: "From: =?utf-8?q?J=C3=B6rg?=\n\t<alice@fwd.test>", signed: "fwd.test"},
		{name: "From that begins with a fold", from: "<alice@fwd.test>", header: "From:\n ceo@b.test", want: none},
		{name: "UTF-8 in the name", from: "<alice@fwd.test> SMTPUTF8", header: "From: Jörg <alice@fwd.test>"}, // the sink takes no SMTPUTF8
		{name: "UTF-8 in the domain, a row with xn--", from: "<alice@xn--bcher-kva.test> SMTPUTF8", header: "From: alice@bücher.test"},
		{name: "UTF-8 in the domain of a notification", from: "<> SMTPUTF8", header: "From: alice@BÜCHER.test\n" + report},
		{name: "UTF-8 in MAIL FROM, which Postfix does not convert", from: "<alice@bücher.test> SMTPUTF8", header: "From: alice@bücher.test", want: "553 5.7.1"},
		{name: "mbox line, which Postfix makes another header of", from: "<alice@fwd.test>", header: "From : ceo@b.test\nFrom: alice@fwd.test", signed: "fwd.test"},
		{name: "two addresses", from: "<alice@fwd.test>", header: "From: alice@fwd.test, ceo@b.test\nSender: alice@fwd.test", want: none},
		{name: "a group", from: "<alice@fwd.test>", header: "From: Us: alice@fwd.test;", want: "550 5.7.1 Header From: a group"},
		{name: "source route, which Postfix takes out", from: "<alice@fwd.test>", header: "From: <@b.test:alice@fwd.test>", signed: "fwd.test"},
		{name: "no From, so that Postfix adds the sender", from: "<alice@fwd.test>", header: "To: b@out.test", signed: "fwd.test"},
		{name: "no From, null sender, so that Postfix adds MAILER-DAEMON", from: "<>", header: "To: b@out.test", want: "550 5.7.1 Header From: an address is missing"},
		{name: "resent, no From, so that Postfix adds Resent-From", from: "<alice@fwd.test>", header: "Resent-To: b@out.test", want: "550 5.7.1 Header From: missing"},
		{name: "resent", from: "<alice@fwd.test>", header: "Resent-From: alice@fwd.test\nResent-To: b@out.test\nFrom: ceo@b.test", want: none},
		{name: "no headers of its own", from: "<>", header: "", want: "550 5.7.1 Header From: an address is missing"},
		{name: "the map cannot tell", from: "<>", header: "From: x@away.test", want: "451 4.7.1 Header From: nobody can tell"},
		{name: "the map panics", from: "<>", header: "From: panic@x.test", want: "451 4.7.1"},
	}
}

// dial logs in.
func (h *host) dial(t *testing.T, login string) *scratch.Dialog {
	t.Helper()
	return h.dialAt(t, h.submit, login)
}

func (h *host) dialAt(t *testing.T, addr, login string) *scratch.Dialog {
	t.Helper()
	d, err := scratch.DialSMTP(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	say(t, d, "EHLO client.test", "250")
	if login != "" {
		say(t, d, "AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00"+login+"\x00secret")), "235")
	}
	return d
}

func say(t *testing.T, d *scratch.Dialog, command, want string) {
	t.Helper()
	reply, err := d.Command(command)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(reply.Code, " ", reply.Text); !strings.HasPrefix(got, want) {
		t.Fatalf("%s: %s, want %s", command, got, want)
	}
}

// send sends one mail in a session and returns the reply that decided, and its
// subject.
func (h *host) send(t *testing.T, d *scratch.Dialog, from, header string) (reply, subject string) {
	t.Helper()
	h.mails++
	subject = fmt.Sprintf("Subject: mail %d.", h.mails)
	for _, command := range []string{"MAIL FROM:" + from, "RCPT TO:<b@out.test>", "DATA"} {
		r, err := d.Command(command)
		if err != nil {
			t.Fatal(err)
		}
		if !r.OK() {
			return fmt.Sprint(r.Code, " ", r.Text), subject
		}
	}
	if header != "" {
		header = strings.TrimSuffix(header, "\n") + "\n"
	}
	r, err := d.Body(header + subject + "\n\ntext\n")
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(r.Code, " ", r.Text), subject
}

func (h *host) play(t *testing.T, m mail) {
	login := m.login
	if login == "" {
		login = "alice"
	}
	reply, subject := h.send(t, h.dial(t, login), m.from, m.header)
	if m.want == "" {
		m.want = "250"
	}
	if !strings.HasPrefix(reply, m.want) {
		t.Fatalf("%s, want %s", reply, m.want)
	}
	if strings.Contains(reply, "b.test") && !strings.HasPrefix(reply, "553") {
		t.Errorf("%s names another tenant", reply)
	}
	if m.signed != "" {
		h.wantSigned(t, subject, m.signed)
	}
}

// wantSigned waits for a mail and verifies its one signature.
func (h *host) wantSigned(t *testing.T, subject, domain string) {
	t.Helper()
	data := h.arrived(t, subject)
	signatures, err := dkim.VerifyWithOptions(bytes.NewReader(bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))),
		&dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
			if record := h.keys[name]; record != "" {
				return []string{record}, nil
			}
			return nil, errors.New("no such name: " + name)
		}})
	if err != nil || len(signatures) != 1 || signatures[0].Err != nil || signatures[0].Domain != domain {
		t.Fatalf("signatures %+v, %v; want one of %s in\n%s", signatures, err, domain, data)
	}
}

// arrived waits for a mail.
func (h *host) arrived(t *testing.T, subject string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		messages, err := h.sink.Messages(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			if bytes.Contains(m.Data, []byte(subject)) {
				return m.Data
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no mail with %s arrived", subject)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// testPlain has Postfix show the guard what the client sent.
func (h *host) testPlain(t *testing.T) {
	for _, m := range []mail{
		{name: "no From", from: "<alice@fwd.test>", header: "To: b@out.test", want: "550 5.7.1 Header From: missing"},
		{name: "no From, null sender", from: "<>", header: "To: b@out.test", want: "550 5.7.1 Header From: missing"},
		{name: "nothing", from: "<>", header: "", want: "550 5.7.1 Header From: missing"},
		{name: "source route", from: "<alice@fwd.test>", header: "From: <@b.test:alice@fwd.test>", want: "550 5.7.1 Header From: <:"},
		{name: "no domain", from: "<alice@fwd.test>", header: "From: alice", want: "550 5.7.1 Header From: an address is missing"},
		{name: "a final dot", from: "<alice@fwd.test>", header: "From: alice@fwd.test.", want: "550 5.7.1 Header From: a domain that is no name"},
		{name: "quoted local part", from: "<alice@fwd.test>", header: "From: \"ceo@b.test\"@fwd.test", want: "550 5.7.1 Header From: a name before"},
		{name: "own", from: "<>", header: "From: alice@fwd.test", want: "250"},
		{name: "what stands behind a NUL is not shown", from: "<alice@fwd.test>", header: "From: alice@fwd.test\x00, ceo@b.test", want: "250"},
	} {
		t.Run(m.name, func(t *testing.T) {
			reply, _ := h.send(t, h.dialAt(t, h.plain, "alice"), m.from, m.header)
			if !strings.HasPrefix(reply, m.want) {
				t.Errorf("%s, want %s", reply, m.want)
			}
		})
	}
}

// testSession sends good and bad mail over one connection.
func (h *host) testSession(t *testing.T) {
	d := h.dial(t, "alice")
	var good []string
	for range 3 {
		if reply, _ := h.send(t, d, "<alice@fwd.test>", "From: ceo@b.test"); !strings.HasPrefix(reply, none) {
			t.Fatal(reply)
		}
		say(t, d, "MAIL FROM:<alice@fwd.test>", "250")
		say(t, d, "RSET", "250")
		reply, subject := h.send(t, d, "<>", "From: alice@fwd.test")
		if !strings.HasPrefix(reply, "250") {
			t.Fatal(reply)
		}
		good = append(good, subject)
	}
	for _, subject := range good {
		h.wantSigned(t, subject, "fwd.test")
	}
}

// testManyHeaders sends more headers than anybody reads, with a From at their
// end, and one that is longer than header_size_limit.
func (h *host) testManyHeaders(t *testing.T) {
	many := strings.Repeat("X-Trace: From: ceo@b.test\n", 20000)
	for _, m := range []mail{
		{header: many + "From: ceo@b.test", want: none},
		{header: "From: alice@fwd.test\n" + many + "From: ceo@b.test", want: "550 5.7.1 Header From: it stands there twice"},
		{header: "Subject: " + strings.Repeat("x\n ", 100000) + "\nFrom: alice@fwd.test"},
		{header: "From: " + strings.Repeat("x\n ", 100000) + " <alice@fwd.test>", want: "550 5.7.1 Header From: longer than"},
	} {
		m.from = "<alice@fwd.test>"
		h.play(t, m)
	}
}

func (h *host) testShadow(t *testing.T) {
	enforce := h.rules.Load()
	defer h.rules.Store(enforce)
	h.swap(newRig(fromguard.Options{Mode: fromguard.Shadow}).handler.Guard)
	reply, subject := h.send(t, h.dial(t, "alice"), "<alice@fwd.test>", "From: ceo@b.test")
	if !strings.HasPrefix(reply, "250") {
		t.Fatal(reply)
	}
	h.wantSigned(t, subject, "fwd.test") // by the envelope, so that DMARC fails
	if log := h.rig.logged.String(); !strings.Contains(log, "message would be refused: shadow mode") {
		t.Error(log)
	}
}

// testAway stops the guard: mail waits, and who logs in is told to come again.
func (h *host) testAway(t *testing.T) {
	d := h.dial(t, "alice")
	h.stop()
	if reply, _ := h.send(t, d, "<alice@fwd.test>", "From: alice@fwd.test"); !strings.HasPrefix(reply, "451 4.7.1") {
		t.Errorf("%s, want 451", reply)
	}
	say(t, h.dial(t, ""), "AUTH PLAIN AGFsaWNlAHNlY3JldA==", "454 4.3.0")
}
