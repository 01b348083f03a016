//go:build integration

package spf

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"testing"

	"github.com/foxcpp/go-mockdns"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
	"postern/internal/serve"
	"postern/policyd"
)

// servePolicy serves the check as the daemon does, with a name server of its own.
func servePolicy(t *testing.T, o Options) (address string) {
	t.Helper()
	dns, err := mockdns.NewServerWithLogger(zones(), log.New(io.Discard, "", 0), false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dns.Close() })
	o.Resolver = dns.NewResolver()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	policy := &policyd.Policy{Default: []policyd.Link{{Name: "spf", Check: c, Mode: policyd.Enforce}}}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	h := &policyd.Handler{Policy: func() *policyd.Policy { return policy }}
	go func() { done <- (&serve.Server{Daemon: "policyd", Handler: h}).Serve(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		c.Close()
	})
	return ln.Addr().String()
}

// session is an SMTP session of a client that Postfix takes for another.
func session(t *testing.T, mta *scratch.Postfix, client, heloName string) *scratch.Dialog {
	t.Helper()
	d, err := scratch.DialSMTP(t.Context(), mta.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	command(t, d, "EHLO proxy.test", "250")
	command(t, d, "XCLIENT ADDR="+client+" NAME=[UNAVAILABLE]", "220")
	command(t, d, "EHLO "+heloName, "250")
	return d
}

// command wants a reply's begin, and what follows " … " within.
func command(t *testing.T, d *scratch.Dialog, line, want string) {
	t.Helper()
	r, err := d.Command(line)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(r.Code, " ", r.Text)
	begin, within, _ := strings.Cut(want, " … ")
	if !strings.HasPrefix(got, begin) || !strings.Contains(got, within) {
		t.Errorf("%s: %s, want %s", line, got, want)
	}
}

// TestPostfix sends mail through a real Postfix that asks the check.
func TestPostfix(t *testing.T) {
	sink := scratchtest.Sink(t, scratch.SinkOptions{})
	mta := scratchtest.Postfix(t, scratch.PostfixOptions{Main: map[string]string{
		"relayhost":                      sink.Nexthop(),
		"relay_domains":                  "example.org",
		"smtpd_relay_restrictions":       "reject_unauth_destination",
		"smtpd_recipient_restrictions":   "check_policy_service inet:" + servePolicy(t, Options{Header: true, Host: "mx.example.org", Actions: map[Result]Act{TempError: Defer}}),
		"smtpd_authorized_xclient_hosts": "127.0.0.0/8",
		"smtpd_policy_service_timeout":   "20s",
	}})
	t.Run("fail", func(t *testing.T) {
		d := session(t, mta, "203.0.113.1", "h.example")
		command(t, d, "MAIL FROM:<alice@pass.example>", "250")
		command(t, d, "RCPT TO:<bob@example.org>", "550 5.7.23 <bob@example.org>: Recipient address rejected: SPF: pass.example does not permit 203.0.113.1 … (id ")
	})
	t.Run("null sender", func(t *testing.T) {
		d := session(t, mta, "203.0.113.1", "host.mx.example")
		command(t, d, "MAIL FROM:<>", "250")
		command(t, d, "RCPT TO:<bob@example.org>", "550 5.7.23 … to use its name (HELO)")
	})
	t.Run("temperror", func(t *testing.T) {
		d := session(t, mta, "203.0.113.1", "h.example")
		command(t, d, "MAIL FROM:<alice@servfail.example>", "250")
		command(t, d, "RCPT TO:<bob@example.org>", "451 4.7.24 … please try again")
	})
	t.Run("quoted sender", func(t *testing.T) {
		d := session(t, mta, "203.0.113.1", "h.example")
		command(t, d, `MAIL FROM:<"x@soft.example"@pass.example>`, "250")
		command(t, d, "RCPT TO:<bob@example.org>", "550 5.7.23 … pass.example does not permit")
	})
	t.Run("one header for three recipients", func(t *testing.T) {
		d := session(t, mta, "192.0.2.1", "mail.pass.example")
		command(t, d, `MAIL FROM:<"a \" (b); c"@pass.example>`, "250")
		for _, name := range []string{"elsewhere.test", "example.org", "example.org", "example.org"} {
			want := "250"
			if name != "example.org" {
				want = "554" // refused by Postfix
			}
			command(t, d, "RCPT TO:<bob@"+name+">", want)
		}
		command(t, d, "DATA", "354")
		if r, err := d.Body("Subject: hello\n\nhello\n"); err != nil || r.Code != 250 {
			t.Fatal(r, err)
		}
		messages, err := sink.Wait(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		want := `Received-SPF: pass (pass.example designates 192.0.2.1 as permitted sender) identity=mailfrom; client-ip=192.0.2.1; envelope-from="a \" (b); c@pass.example"; helo=mail.pass.example; receiver=mx.example.org`
		unfolded := strings.NewReplacer("\n ", " ", "\n\t", " ").Replace(string(messages[0].Data))
		above, below, _ := strings.Cut(unfolded, want)
		if strings.Count(unfolded, "Received-SPF:") != 1 || !strings.Contains(below, "Received: from mail.pass.example") {
			t.Errorf("want once, and above Postfix's own Received: %s\ngot\n%s\n-----\n%s", want, above, below)
		}
	})
}
