//go:build integration

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"postern/internal/scratch"
	"postern/internal/scratch/trixie"
)

// TestSRSThereAndBack forwards mail through real Postfixes with the sender
// rewritten, and takes bounces home: those that another host sends and those
// that Postfix makes itself.
func TestSRSThereAndBack(t *testing.T) {
	wirings := startSRSWirings(t)
	root, err := trixie.Root(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	for _, debian := range []struct{ name, root string }{{"this Debian", ""}, {"Debian 13", root}} {
		t.Run(debian.name, func(t *testing.T) {
			for _, w := range wirings {
				t.Run(w.name, func(t *testing.T) {
					t.Parallel()
					testCircle(t, startSRSHost(t, debian.root, w.main), w)
				})
			}
		})
	}
}

// testCircle sends mail out and has it come back.
func testCircle(t *testing.T, h *srsHost, w srsWiring) {
	came := h.forwards(t, "Friend@far.test", "info@fwd.test")
	wantRewritten(t, came, "SRS0", "=far.test=Friend")
	made := came.Sender
	t.Run("bounces of another host", func(t *testing.T) {
		for _, to := range []string{made, strings.ToLower(made), strings.ToUpper(made)} {
			came := h.forwards(t, "", to)
			if came.Sender != "" || len(came.Recipients) != 1 || !strings.EqualFold(came.Recipients[0], "friend@far.test") {
				t.Errorf("the bounce to <%s> came out as <%s> to %q", to, came.Sender, came.Recipients)
			}
		}
	})
	t.Run("bounce of Postfix's own", func(t *testing.T) {
		came := h.forwards(t, "friend@far.test", "bad@fwd.test") // the bounce has the subject in it
		wantEnvelope(t, came, "", "friend@far.test")
		if !strings.Contains(string(came.Data), "Undelivered Mail") {
			t.Errorf("no bounce:\n%s", came.Data)
		}
	})
	t.Run("over two forwarders", func(t *testing.T) {
		came := h.forwards(t, "SRS0=abcd=XY=origin.test=user@other.test", "info@fwd.test")
		wantRewritten(t, came, "SRS1", "=other.test==abcd=XY=origin.test=user")
		wantEnvelope(t, h.forwards(t, "", came.Sender), "", "SRS0=abcd=XY=origin.test=user@other.test")
	})
	t.Run("senders that stay", func(t *testing.T) {
		wantEnvelope(t, h.forwards(t, "", "info@fwd.test"), "", "owner@dest.test")
		wantEnvelope(t, h.forwards(t, "me@home.test", "info@fwd.test"), "me@home.test", "owner@dest.test")
	})
	t.Run("recipients that stay", func(t *testing.T) {
		h.wantFor(t, "box@home.test", "box@home.test", w.milter)
		h.wantFor(t, "stays@fwd.test", "box@home.test", w.walks)
		// PostSRSd goes by the name of the domain, wherever the alias leads.
		h.wantFor(t, "info@kept.test", "owner@dest.test", w.milter && !w.walks)
	})
	t.Run("recipients that are refused", func(t *testing.T) {
		h.refuses(t, "", "nobody@"+srsDomain, "550 5.1.1")
		h.refuses(t, "", made[:strings.IndexByte(made, '@')]+"@far.test", "554 5.7.1")
		wantEnvelope(t, h.forwards(t, "", "postmaster@"+srsDomain), "", "ops@dest.test")
		h.forgery(t, made, w)
	})
}

// wantFor sends a mail whose sender stays, or not.
func (h *srsHost) wantFor(t *testing.T, to, arrives string, stays bool) {
	t.Helper()
	came := h.forwards(t, "friend@far.test", to)
	if stays {
		wantEnvelope(t, came, "friend@far.test", arrives)
		return
	}
	wantRewritten(t, came, "SRS0", "=far.test=friend")
	wantEnvelope(t, came, came.Sender, arrives)
}

// forgery sends a mail to a forged address and to one that is not: the others
// get theirs, unless the wiring finds out at the end of the message only.
func (h *srsHost) forgery(t *testing.T, made string, w srsWiring) {
	t.Helper()
	mark := newSubject()
	s := h.session(t)
	s.want("MAIL FROM:<friend@far.test>", "250")
	at, end := w.forgery, "250"
	if w.late {
		at, end = "250", w.forgery
	}
	s.want("RCPT TO:<"+forged(made)+">", at)
	s.want("RCPT TO:<info@fwd.test>", "250")
	s.body(mark, end)
	if w.late {
		return
	}
	came := h.comes(t, mark)
	wantRewritten(t, came, "SRS0", "=far.test=friend")
	wantEnvelope(t, came, came.Sender, "owner@dest.test")
}

// session is an SMTP session that must not break.
type session struct {
	t *testing.T
	*scratch.Dialog
}

func (h *srsHost) session(t *testing.T) session {
	t.Helper()
	d, err := scratch.DialSMTP(t.Context(), h.mta.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	s := session{t, d}
	s.want("EHLO client.test", "250")
	return s
}

// want sends a command. The reply must begin with want, or have it within.
func (s session) want(command, want string) string {
	s.t.Helper()
	reply, err := s.Command(command)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.check(command, want, reply)
}

// body sends DATA and a text with that header.
func (s session) body(header, want string) string {
	s.t.Helper()
	s.want("DATA", "354")
	reply, err := s.Body(header + "\n\ntext\n")
	if err != nil {
		s.t.Fatal(err)
	}
	return s.check("end of message", want, reply)
}

func (s session) check(command, want string, reply scratch.Reply) string {
	s.t.Helper()
	got := fmt.Sprint(reply.Code, " ", reply.Text)
	if !strings.HasPrefix(got, want) && (want[0] <= '9' || !strings.Contains(got, want)) {
		s.t.Errorf("%s: %s, want %s", command, got, want)
	}
	return got
}
