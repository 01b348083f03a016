//go:build integration

package e2e

import (
	"io"
	"log"
	"net"
	"strings"
	"testing"

	"github.com/foxcpp/go-mockdns"
)

// startDNS is a name server on loopback.
func startDNS(t *testing.T) (addr string) {
	t.Helper()
	txt := func(record string) mockdns.Zone { return mockdns.Zone{TXT: []string{record}} }
	server, err := mockdns.NewServerWithLogger(map[string]mockdns.Zone{
		"sender.test.":    txt("v=spf1 ip4:192.0.2.0/24 ip4:198.51.100.0/24 -all"),
		"soft.test.":      txt("v=spf1 ip4:192.0.2.0/24 ~all"),
		"mail.helo.test.": txt("v=spf1 ip4:192.0.2.0/24 -all"),
		"broken.test.":    txt("v=spf1 nonsense -all"),
		"down.test.":      {Err: &net.DNSError{Err: "server misbehaving", IsTemporary: true}},
	}, log.New(io.Discard, "", 0), false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server.LocalAddr().String()
}

// silentDNS takes questions and never answers.
func silentDNS(t *testing.T) (addr string) {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.LocalAddr().String()
}

// TestPolicySPF sends mail of each result.
func TestPolicySPF(t *testing.T) {
	block := func(settings string) string {
		return "postfix: {myhostname: mx.fwd-host.test}\npolicyd:\n  chains: {gate: [], rcpt: [spf], data: [], submission: [spf], submission-data: []}\n" + settings
	}
	resolver := "  resolver: " + startDNS(t) + "\n"
	h := startPolicyHost(t, policyOptions{blocks: block(resolver)})
	t.Run("as it comes", func(t *testing.T) {
		h.dialogue(t, `
			-- 203.0.113.9 mail.far.test
			MAIL FROM:<a@sender.test>    | 250
			RCPT TO:<nobody@fwd.test>    | 550 5.1.1
			RCPT TO:<info@fwd.test>      | 550 5.7.23 … SPF: sender.test does not permit 203.0.113.9 … (id
			RSET                         | 250
			MAIL FROM:<a@soft.test>      | 250
			RCPT TO:<info@fwd.test>      | 250
			DATA                         | 354
			.                            | 250
			=> sent with Received-SPF: softfail
			MAIL FROM:<a@down.test>      | 250
			RCPT TO:<info@fwd.test>      | 250
			DATA                         | 354
			.                            | 250
			=> sent with Received-SPF: temperror
			MAIL FROM:<a@broken.test>    | 250
			RCPT TO:<info@fwd.test>      | 250
			DATA                         | 354
			.                            | 250
			=> sent with Received-SPF: permerror
			MAIL FROM:<a@unheard.test>   | 250
			RCPT TO:<info@fwd.test>      | 250
			DATA                         | 354
			.                            | 250
			=> sent with Received-SPF: none
			-- 203.0.113.9 - mail.helo.test
			MAIL FROM:<>                 | 250
			RCPT TO:<info@fwd.test>      | 550 5.7.23 … mail.helo.test does not permit 203.0.113.9 to use its name (HELO)
			-- 192.0.2.9 - mail.helo.test
			MAIL FROM:<>                 | 250
			RCPT TO:<info@fwd.test>      | 250
			DATA                         | 354
			.                            | 250
			=> sent with Received-SPF: pass`)
	})
	t.Run("one header for three recipients", func(t *testing.T) { testOneHeader(t, h) })
	for _, test := range []struct{ name, settings, dialogue string }{
		{"results", resolver + "  spf: {results: {softfail: reject, temperror: defer, none: pass}}\n", `
			-- 203.0.113.9 mail.far.test
			MAIL FROM:<a@soft.test>      | 250
			RCPT TO:<info@fwd.test>      | 550 5.7.23
			RSET                         | 250
			MAIL FROM:<a@down.test>      | 250
			RCPT TO:<info@fwd.test>      | 451 4.7.24 … please try again
			RSET                         | 250
			MAIL FROM:<a@unheard.test>   | 250
			RCPT TO:<info@fwd.test>      | 250`},
		{"skipped", resolver + "  spf: {skip_clients: [203.0.113.0/28], skip_senders: [.sender.test, sender.test]}\n", `
			-- 203.0.113.200 mail.far.test
			MAIL FROM:<a@sender.test>    | 250
			RCPT TO:<info@fwd.test>      | 250
			-- 203.0.113.200 - mail.helo.test
			MAIL FROM:<>                 | 250
			RCPT TO:<info@fwd.test>      | 550 5.7.23
			-- 203.0.113.9 - mail.helo.test
			MAIL FROM:<>                 | 250
			RCPT TO:<info@fwd.test>      | 250`},
		{"DNS that is silent", "  resolver: " + silentDNS(t) + "\n  spf: {timeout: 1s}\n", `
			-- 203.0.113.9 mail.far.test
			MAIL FROM:<a@sender.test>    | 250
			RCPT TO:<info@fwd.test>      | 250
			DATA                         | 354
			.                            | 250
			=> sent with Received-SPF: temperror`},
		{"inbound only", resolver + "  spf: {logins: [inbound]}\n", `
			-- login alice
			MAIL FROM:<a@sender.test>    | 250
			RCPT TO:<b@far.test>         | 250`},
	} {
		t.Run(test.name, func(t *testing.T) {
			h.reconfigure(t, block(test.settings))
			h.dialogue(t, test.dialogue)
		})
	}
}

// testOneHeader: each recipient is asked about, and the message gets one header
// above the Received of this host.
func testOneHeader(t *testing.T, h *policyHost) {
	mark := h.dialogue(t, `
		-- 192.0.2.9 mail.sender.test
		MAIL FROM:<a@sender.test>    | 250
		RCPT TO:<nobody@fwd.test>    | 550 5.1.1
		RCPT TO:<info@fwd.test>      | 250
		RCPT TO:<shop@fwd.test>      | 250
		RCPT TO:<other@fwd.test>     | 250
		DATA                         | 354
		.                            | 250
		=> sent with Received-SPF: pass`)
	text := string(h.comes(t, mark).Data)
	above, _, _ := strings.Cut(text, "Received: from mail.sender.test")
	if strings.Count(text, "Received-SPF:") != 1 || !strings.Contains(above, "Received-SPF:") || !strings.Contains(text, "receiver=mx.fwd-host.test") {
		t.Errorf("want one Received-SPF above Postfix's own Received, of receiver mx.fwd-host.test:\n%s", text)
	}
}
