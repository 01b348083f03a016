//go:build integration

package milter_test

import (
	"fmt"
	"net"
	"net/textproto"
	"os"
	"strings"
	"testing"

	"postern/internal/scratch/trixie"
	"postern/srsd/milter"
)

// TestPostfix runs under real Postfixes, on either kind of socket.
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
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			h := startHost(t, root, network, nil)
			t.Run("mails", h.testMails)
			t.Run("SMTPUTF8", h.testUTF8)
			t.Run("sessions", h.testSessions)
			t.Run("pipelining", h.testPipelining)
			t.Run("BDAT", h.testBDAT)
			t.Run("many recipients", h.testManyRecipients)
			t.Run("recipient limit", h.testRecipientLimit)
			t.Run("big", h.testBig)
			t.Run("sendmail", h.testSendmail)
			t.Run("seen", h.testSeen)
			t.Run("milter dies", func(t *testing.T) { h.testDeath(t, network) })
		})
	}
	t.Run("milter_protocol = 2", func(t *testing.T) {
		h := startHost(t, root, "unix", map[string]string{"milter_protocol": "2"})
		t.Run("mails", h.testMails)
	})
}

// mail is one mail and what becomes of it.
type mail struct {
	name    string
	from    string   // argument of MAIL
	to      []string // arguments of RCPT, with the wanted reply after "→ " unless it is 250
	end     string   // reply to the message; 250 if empty
	sender  string
	arrives []string
}

var mails = []mail{
	{name: "leaves", from: "<a@far.example>", to: []string{"<b@out.example>"}, sender: "fwd+a=far.example@srs.example", arrives: []string{"b@out.example"}},
	{name: "parameters", from: "<a@far.example> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=x", to: []string{"<b@out.example> NOTIFY=FAILURE ORCPT=rfc822;b@out.example"},
		sender: "fwd+a=far.example@srs.example", arrives: []string{"b@out.example"}},
	{name: "all local", from: "<a@far.example>", to: []string{"<b@home.example>", "<c@home.example>"}, sender: "a@far.example", arrives: []string{"b@home.example", "c@home.example"}},
	{name: "one leaves", from: "<a@far.example>", to: []string{"<b@home.example>", "<c@out.example>"}, sender: "fwd+a=far.example@srs.example", arrives: []string{"b@home.example", "c@out.example"}},
	{name: "an alias leads away", from: "<a@far.example>", to: []string{"<alias@home.example>"}, sender: "fwd+a=far.example@srs.example", arrives: []string{"target@out.example"}},
	{name: "sender of ours", from: "<a@home.example>", to: []string{"<b@out.example>"}, sender: "a@home.example", arrives: []string{"b@out.example"}},
	{name: "null sender", from: "<>", to: []string{"<b@out.example>"}, sender: "", arrives: []string{"b@out.example"}},
	{name: "bounce comes home", from: "<>", to: []string{"<fwd+a=far.example@srs.example>"}, sender: "", arrives: []string{"a@far.example"}},
	{name: "reply by way of a rewritten address", from: "<x@far.example>", to: []string{"<fwd+a=far.example@srs.example>", "<b@home.example>"},
		sender: "fwd+x=far.example@srs.example", arrives: []string{"a@far.example", "b@home.example"}},
	{name: "reversed to an alias", from: "<>", to: []string{"<fwd+alias=home.example@srs.example>"}, sender: "", arrives: []string{"target@out.example"}},
	{name: "same recipient twice", from: "<>", to: []string{"<fwd+a=far.example@srs.example>", "<fwd+a=far.example@srs.example>"}, sender: "", arrives: []string{"a@far.example"}},
	{name: "recipient and whom it stands for", from: "<>", to: []string{"<fwd+a=far.example@srs.example>", "<a@far.example>"}, sender: "", arrives: []string{"a@far.example"}},
	{name: "refused recipient", from: "<a@far.example>", to: []string{"<b@out.example>", "<forged@srs.example> → 550 5.1.1 <forged@srs.example>: forged, 100% sure", "<c@out.example>"},
		sender: "fwd+a=far.example@srs.example", arrives: []string{"b@out.example", "c@out.example"}},
	{name: "refused recipient first", from: "<a@far.example>", to: []string{"<forged@srs.example> → 550 5.1.1 <forged@srs.example>", "<c@out.example>"},
		sender: "fwd+a=far.example@srs.example", arrives: []string{"c@out.example"}},
	{name: "recipient deferred", from: "<a@far.example>", to: []string{"<refuse-trouble@out.example> → 451 4.7.1", "<c@out.example>"},
		sender: "fwd+a=far.example@srs.example", arrives: []string{"c@out.example"}},
	{name: "reply of a broken rule", from: "<a@far.example>", to: []string{"<rude@out.example> → 550 5.7.1", "<long@out.example> → 550 5.1.1 xxx", "<expired@out.example> → 450 4.1.1", "<c@out.example>"},
		sender: "fwd+a=far.example@srs.example", arrives: []string{"c@out.example"}},
	{name: "forward fails", from: "<trouble@far.example>", to: []string{"<b@out.example>", "<fwd+a=far.example@srs.example>"}, end: "451 4.7.1"},
	{name: "forward fails for good", from: "<hopeless@far.example>", to: []string{"<b@out.example>"}, end: "550 5.7.1"},
	{name: "forward gives no address", from: "<nonsense@far.example>", to: []string{"<b@out.example>"}, end: "451 4.7.1"},
	{name: "reverse fails", from: "<a@far.example>", to: []string{"<b@out.example>", "<rev-trouble@srs.example>"}, end: "451 4.7.1"},
	{name: "late forgery", from: "<a@far.example>", to: []string{"<b@out.example>", "<late-forged@srs.example>"}, end: "550 5.7.1"},
	{name: "panic", from: "<panic@far.example>", to: []string{"<b@out.example>"}, end: "451 4.7.1"},
	{name: "refused by Postfix", from: "<a@far.example>", to: []string{"<nobody@out.example> → 554 5.7.1", "<b@home.example>"}, sender: "a@far.example", arrives: []string{"b@home.example"}},
	{name: "quoted", from: `<"a b"@far.example>`, to: []string{`<"fwd+c d=far.example"@srs.example>`}, sender: `"fwd+a b=far.example"@srs.example`, arrives: []string{`"c d"@far.example`}},
	{name: "quoted needlessly", from: `<"a"@far.example>`, to: []string{`<"fwd+c=far.example"@srs.example>`}, sender: "fwd+a=far.example@srs.example", arrives: []string{"c@far.example"}},
	{name: "brackets and quotes in quotes", from: `<"<a\">"@far.example>`, to: []string{`<b@out.example>`}, sender: `"fwd+<a\">=far.example"@srs.example`, arrives: []string{"b@out.example"}},
	{name: "source route", from: "<@r1.example,@r2.example:a@far.example>", to: []string{"<@r1.example:fwd+c=far.example@srs.example>"}, sender: "fwd+a=far.example@srs.example", arrives: []string{"c@far.example"}},
	{name: "no brackets", from: "a@far.example", to: []string{"fwd+c=far.example@srs.example"}, sender: "fwd+a=far.example@srs.example", arrives: []string{"c@far.example"}},
	{name: "blank without quotes", from: "<a b@far.example> → 501 5.1.7"},
	{name: "case is kept", from: "<A.User@Far.Example>", to: []string{"<fwd+B.User=Far.Example@srs.example>"}, sender: "fwd+A.User=Far.Example@srs.example", arrives: []string{"B.User@Far.Example"}},
	{name: "percent, bang, slash", from: "<a%b!c/d@far.example>", to: []string{"<b@out.example>"}, sender: "fwd+a%b!c/d=far.example@srs.example", arrives: []string{"b@out.example"}},
	{name: "comment in the sender", from: "<a(c)@far.example> → 550 5.7.1"},
	{name: "comment in a recipient", from: "<a@far.example>", to: []string{"<b(c)@out.example> → 550 5.7.1", "<b@out.example>"}, sender: "fwd+a=far.example@srs.example", arrives: []string{"b@out.example"}},
	{name: "address literal", from: "<a@[IPv6:2001:db8::1]>", to: []string{"<b@out.example>"}, sender: `"fwd+a=[IPv6:2001:db8::1]"@srs.example`, arrives: []string{"b@out.example"}},
	{name: "long address", from: "<" + strings.Repeat("a", 400) + "@far.example>", to: []string{"<b@out.example>"}, sender: "fwd+" + strings.Repeat("a", 400) + "=far.example@srs.example", arrives: []string{"b@out.example"}},
	{name: "too long", from: "<" + strings.Repeat("a", 600) + "@far.example> → 550 5.7.1"},
}

func (h *host) testMails(t *testing.T) {
	for _, m := range mails {
		t.Run(m.name, func(t *testing.T) { h.play(t, m) })
	}
}

// play sends a mail in a session of its own.
func (h *host) play(t *testing.T, m mail) {
	s := h.dial(t)
	mark := h.mark()
	command := func(verb, argument string) {
		t.Helper()
		argument, want, special := strings.Cut(argument, " → ")
		if !special {
			want = "250"
		}
		s.want(verb+argument, want)
	}
	command("MAIL FROM:", m.from)
	if len(m.to) == 0 {
		return
	}
	for _, to := range m.to {
		command("RCPT TO:", to)
	}
	if m.end != "" {
		s.body(mark, m.end)
		h.wantNothingElse(t, mark)
		return
	}
	s.body(mark, "250")
	h.wantOut(t, mark, m.sender, m.arrives...)
}

// testUTF8 reads Postfix's log: the sink takes no SMTPUTF8.
func (h *host) testUTF8(t *testing.T) {
	s := h.dial(t)
	s.want("MAIL FROM:<jörg@münchen.example> SMTPUTF8", "250")
	s.want("RCPT TO:<fwd+用户=far.example@srs.example>", "250")
	s.body(h.mark(), "250")
	for _, want := range []string{"from=<fwd+jörg=münchen.example@srs.example>", "to=<用户@far.example>"} {
		if err := h.mta.WaitLog(t.Context(), want); err != nil {
			t.Error(err)
		}
	}
}

// testSessions sends several mails over one connection, in every state of
// being given up.
func (h *host) testSessions(t *testing.T) {
	s := h.dial(t)
	first, second, third, lost := h.mark(), h.mark(), h.mark(), h.mark()
	s.want("MAIL FROM:<a@far.example>", "250")
	s.want("RCPT TO:<b@out.example>", "250")
	s.body(first, "250")
	s.want("MAIL FROM:<gone@far.example>", "250")
	s.want("RCPT TO:<gone@out.example>", "250")
	s.want("RSET", "250")
	s.want("MAIL FROM:<c@far.example>", "250")
	s.want("RCPT TO:<d@home.example>", "250")
	s.body(second, "250")
	s.want("MAIL FROM:<gone@far.example>", "250")
	s.want("EHLO again.example", "250")
	s.want("MAIL FROM:<trouble@far.example>", "250")
	s.want("RCPT TO:<gone@out.example>", "250")
	s.body(lost, "451")
	s.want("MAIL FROM:<gone@far.example>", "250")
	s.want("RCPT TO:<forged@srs.example>", "550 5.1.1")
	s.want("DATA", "554")
	s.want("RSET", "250")
	s.want("MAIL FROM:<e@far.example>", "250")
	s.want("RCPT TO:<fwd+f=far.example@srs.example>", "250")
	s.body(third, "250")
	h.wantOut(t, first, "fwd+a=far.example@srs.example", "b@out.example")
	h.wantOut(t, second, "c@far.example", "d@home.example")
	h.wantOut(t, third, "fwd+e=far.example@srs.example", "f@far.example")
	h.wantNothingElse(t, lost)
}

// group is what a client sends in one piece, and the replies.
type group struct {
	text  string
	codes []int
}

// raw sends groups in a session of its own, each after the replies to the one
// before.
func (h *host) raw(t *testing.T, groups ...group) {
	t.Helper()
	conn, err := net.Dial("tcp", h.mta.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := textproto.NewConn(conn)
	for i, g := range append([]group{{"", []int{220}}, {"EHLO client.example\n", []int{250}}}, groups...) {
		fmt.Fprint(conn, strings.ReplaceAll(g.text, "\n", "\r\n"))
		for j, code := range g.codes {
			if _, message, err := c.ReadResponse(code); err != nil {
				t.Fatalf("group %d, reply %d: %v %s", i, j, err, message)
			}
		}
	}
}

func (h *host) testPipelining(t *testing.T) {
	first, second := h.mark(), h.mark()
	h.raw(t,
		group{"MAIL FROM:<a@far.example>\nRCPT TO:<b@out.example>\nRCPT TO:<forged@srs.example>\nRCPT TO:<c@home.example>\nDATA\n", []int{250, 250, 550, 250, 354}},
		group{first + "text\n.\nMAIL FROM:<a@far.example>\nRCPT TO:<d@home.example>\nDATA\n", []int{250, 250, 250, 354}},
		group{second + ".\nQUIT\n", []int{250, 221}},
	)
	h.wantOut(t, first, "fwd+a=far.example@srs.example", "b@out.example", "c@home.example")
	h.wantOut(t, second, "a@far.example", "d@home.example")
}

func (h *host) testBDAT(t *testing.T) {
	mark := h.mark()
	size := len(strings.ReplaceAll(mark, "\n", "\r\n"))
	h.raw(t, group{fmt.Sprintf("MAIL FROM:<a@far.example>\nRCPT TO:<b@out.example>\nBDAT %d\n%sBDAT 6 LAST\ntext\nQUIT\n", size, mark),
		[]int{250, 250, 250, 250, 221}})
	h.wantOut(t, mark, "fwd+a=far.example@srs.example", "b@out.example")
}

func (h *host) testManyRecipients(t *testing.T) {
	m := mail{from: "<a@far.example>", sender: "fwd+a=far.example@srs.example"}
	for i := range 100 {
		m.to = append(m.to, fmt.Sprintf("<fwd+u%d=far.example@srs.example>", i))
		m.arrives = append(m.arrives, fmt.Sprintf("u%d@far.example", i))
	}
	h.play(t, m)
}

func (h *host) testRecipientLimit(t *testing.T) {
	h.change(func(r *milter.Rules) { r.RecipientLimit = 2 })
	defer h.change(func(r *milter.Rules) { r.RecipientLimit = 0 })
	h.play(t, mail{from: "<a@far.example>", sender: "a@far.example", arrives: []string{"b@home.example", "c@home.example"},
		to: []string{"<b@home.example>", "<c@home.example>", "<d@out.example> → 452 4.5.3", "<e@out.example> → 452 4.5.3"}})
}

func (h *host) testBig(t *testing.T) {
	s, mark := h.dial(t), h.mark()
	s.want("MAIL FROM:<a@far.example>", "250")
	s.want("RCPT TO:<fwd+b=far.example@srs.example>", "250")
	s.body(mark+strings.Repeat(strings.Repeat("x", 900)+"\n", 9000), "250")
	h.wantOut(t, mark, "fwd+a=far.example@srs.example", "b@far.example")
}

// testSendmail sends without smtpd(8), where a recipient cannot be refused.
func (h *host) testSendmail(t *testing.T) {
	mark, null, forged := h.mark(), h.mark(), h.mark()
	for _, mail := range [][]string{{mark, "-f", "a@far.example", "fwd+b=far.example@srs.example"}, {null, "-f", "", "fwd+c=far.example@srs.example"},
		{forged, "-f", "a@far.example", "forged@srs.example", "b@out.example"}} {
		if out, err := h.mta.RunInput(t.Context(), mail[0], "sendmail", mail[1:]...); err != nil {
			t.Fatalf("sendmail: %v: %s", err, out)
		}
	}
	h.wantOut(t, mark, "fwd+a=far.example@srs.example", "b@far.example")
	h.wantOut(t, null, "", "c@far.example")
	if err := h.mta.WaitLog(t.Context(), "can't reject recipient in non-smtpd(8) submission"); err != nil {
		t.Error(err)
	}
	h.wantNothingElse(t, forged)
}

// testSeen checks which recipients Postfix has shown the milter up to now.
func (h *host) testSeen(t *testing.T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := strings.Join(h.seen, " ")
	if strings.Contains(seen, "nobody@out.example") {
		t.Error("the milter was shown a recipient that Postfix has refused")
	}
	if !strings.Contains(seen, "alias@home.example") || strings.Contains(seen, "target@out.example") {
		t.Error("the milter was not shown recipients before virtual aliases")
	}
}

// testDeath kills the milter in each state of a session, and brings it back.
func (h *host) testDeath(t *testing.T, network string) {
	lost, later := h.mark(), h.mark()
	s, open := h.dial(t), h.dial(t)
	s.want("MAIL FROM:<a@far.example>", "250")
	s.want("RCPT TO:<b@out.example>", "250")
	h.kill()
	s.body(lost, "451 4.7.1")
	open.want("MAIL FROM:<a@far.example>", "451 4.7.1")
	h.dial(t).want("MAIL FROM:<a@far.example>", "451 4.7.1")
	h.serve(h.listen(network))
	s.want("MAIL FROM:<a@far.example>", "451 4.7.1") // until its session ends
	s = h.dial(t)
	s.want("MAIL FROM:<a@far.example>", "250")
	s.want("RCPT TO:<b@out.example>", "250")
	s.body(later, "250")
	h.wantOut(t, later, "fwd+a=far.example@srs.example", "b@out.example")
	h.wantNothingElse(t, lost)
}
