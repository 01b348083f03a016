//go:build integration

package stack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"postern/internal/scratch/machine"
)

// port25Probes are dialogues on port 25 that end before a message.
func port25Probes() []probe {
	return []probe{
		{name: "alias", try: probeAlias},
		{name: "greeting", try: func(p *prober) error { return p.strangers(stranger).say("HELO x.test", 250, "mx.example.org").end() }},
		{name: "ehlo", try: probeKeywords},
		{name: "tls", try: func(p *prober) error { return p.outside(stranger).starttls().say("NOOP", 250).end() }},
		{name: "helo", try: func(p *prober) error { return p.strangers(stranger).say("MAIL FROM:<a@outside.test>", 503).end() }},
		{name: "vrfy", try: func(p *prober) error { return p.outside(stranger).say("VRFY "+p.alias(), 502).end() }},
		{name: "etrn", try: func(p *prober) error { return p.outside(stranger).say("ETRN fwd.test", 554, "Access denied").end() }},
		{name: "syntax", try: func(p *prober) error { return p.outside(stranger).say("MAIL FROM: a@outside.test", 501).end() }},
		{name: "size", try: func(p *prober) error {
			return p.outside(stranger).say("MAIL FROM:<a@outside.test> SIZE=50000001", 552).end()
		}},
		{name: "pipelining", try: probePipelining},
		{name: "unknown", try: probeUnknown},
		{name: "foreign", try: probeForeign},
		{name: "neighbour", try: probeNeighbour},
		{name: "operator", try: probeOperator},
		{name: "host", try: probeHost},
		{name: "address", try: func(p *prober) error {
			return p.outside(stranger).recipient("a@outside.test", "root@["+machine.HostAddr+"]", 550, "5.1.1", "no mailboxes on this host").end()
		}},
		{name: "srs", try: probeSRSRecipients},
		{name: "sender", try: probeSenders},
		{name: "order", try: probeOrder},
		{name: "banned", try: probeBans},
		{name: "multi", try: func(p *prober) error {
			return p.outside(stranger).envelope("", p.alias(), "postmaster@fwd.test").say("DATA", 550, "5.5.3").end()
		}},
		{name: "program", try: probeProgram},
		{name: "errors", try: probeErrors, alone: true},
		{name: "crowd", try: probeConnections, alone: true},
	}
}

// probeAlias: the shortest dialogue that says that mail is taken.
func probeAlias(p *prober) error {
	return p.outside(stranger).recipient("a@outside.test", p.alias(), 250).say("RCPT TO:<sales@b.test>", 250).end()
}

func probeKeywords(p *prober) error {
	k := p.outside(stranger)
	k.say("EHLO again.test", 250, "mx.example.org", "PIPELINING", "SIZE 50000000", "STARTTLS", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")
	return k.not("DSN", "ETRN", "VRFY", "AUTH").end()
}

// probePipelining talks before it is asked to.
func probePipelining(p *prober) error {
	k := p.strangers(stranger).raw("EHLO hasty.test\r\nMAIL FROM:<a@outside.test>\r\nNOOP\r\n")
	for k.err == nil {
		if k.read("EHLO, MAIL at once"); k.last.Code/100 == 5 {
			return nil
		}
		if k.err == nil && strings.HasPrefix(k.last.Text, "2.1.0") {
			return fmt.Errorf("MAIL with EHLO: %s", k.last)
		}
	}
	return nil // hung up
}

func probeUnknown(p *prober) error {
	k := p.outside(stranger).recipient("a@outside.test", "nobody-here@fwd.test", 550, "5.1.1", "User unknown").not("table")
	return k.end()
}

func probeForeign(p *prober) error {
	k := p.outside(stranger).envelope("a@outside.test")
	for _, recipient := range []string{"somebody@dest.test", "friend@outside.test", "x%outside.test@fwd.test", "hello@closed.test", "root@localhost.example.org"} {
		k.say("RCPT TO:<"+recipient+">", 554, "Relay access denied")
	}
	return k.end()
}

// probeNeighbour: this host's own address is not in mynetworks, all of loopback is.
func probeNeighbour(p *prober) error {
	if err := p.near(machine.HostAddr, machine.HostAddr+":25").recipient("a@outside.test", "somebody@dest.test", 554, "Relay access denied").end(); err != nil {
		return err
	}
	return p.near("127.0.0.2", "127.0.0.1:25").recipient("a@outside.test", "somebody@dest.test", 250).end()
}

// probeOperator: who runs the host can be reached, by bounces too.
func probeOperator(p *prober) error {
	k := p.outside(stranger).envelope("a@outside.test")
	for _, address := range []string{"postmaster@mx.example.org", "abuse@mx.example.org", "root@mx.example.org", "mailer-daemon@mx.example.org",
		"postmaster@srs.example.org", "abuse@srs.example.org", "postmaster", "Root+7@mx.example.org"} {
		k.say("RCPT TO:<"+address+">", 250)
	}
	return k.end()
}

// probeHost: nobody else lives at the host, or at the SRS domain.
func probeHost(p *prober) error {
	k := p.outside(stranger).recipient("a@outside.test", "sales@mx.example.org", 550, "5.1.1", "User unknown")
	return k.say("RCPT TO:<sales@srs.example.org>", 550, "5.1.1", "User unknown").end()
}

func probeSRSRecipients(p *prober) error {
	address, err := srsAddress("a@outside.test")
	if err != nil {
		return err
	}
	k := p.outside(stranger).recipient("", address, 250)
	k.say("RCPT TO:<SRS0=AAAA=AA=outside.test=a@srs.example.org>", 550)
	return k.say("RSET", 250).recipient("a@outside.test", address, 554, "bounces").end()
}

func probeSenders(p *prober) error {
	for _, row := range []struct {
		sender string
		code   int
		says   string
	}{
		{"boss@fwd.test", 554, "forged local sender"},
		{"boss@sub.fwd.test", 554, "forged local sender"}, // no domain in DNS: this comes first
		{"x@nowhere.invalid", 450, "Domain not found"},
		{"x@nodots", 504, "5.5.2"},
		{"SRS0=AAAA=AA=outside.test=a@srs.example.org", 554, ""},
		{"", 250, ""},
	} {
		if err := p.outside(stranger).recipient(row.sender, p.alias(), row.code, row.says).end(); err != nil {
			return err
		}
	}
	return nil
}

// probeOrder: of two reasons to refuse, the one that tells less or costs less speaks.
func probeOrder(p *prober) error {
	if err := p.outside(stranger).recipient("boss@fwd.test", "nobody-here@fwd.test", 550, "User unknown").end(); err != nil {
		return err
	}
	return p.outside(bannedClient).recipient("a@outside.test", "nobody-here@fwd.test", 554, "5.7.1").not("User unknown").end()
}

func probeBans(p *prober) error {
	if err := p.outside(bannedClient).recipient("a@outside.test", p.alias(), 554, "5.7.1").end(); err != nil {
		return err
	}
	return p.outside(stranger).recipient("a@outside.test", "to-banned@fwd.test", 554, "5.7.1").end()
}

// probeProgram: programs of this machine relay and meet no policy, but write
// whole addresses.
func probeProgram(p *prober) error {
	k := p.program().recipient("a@outside.test", "somebody@dest.test", 250).say("RCPT TO:<somebody@nodots>", 504, "5.5.2").say("RSET", 250)
	k.recipient("x@nodots", "somebody@dest.test", 504, "5.5.2").say("RSET", 250)
	k.recipient("boss@fwd.test", p.alias(), 250).say("RSET", 250)
	k.recipient("x@banned.test", p.alias(), 250).say("RSET", 250)
	return k.envelope("", p.alias(), "postmaster@fwd.test").say("DATA", 354).end()
}

// probeErrors guesses: after five errors each reply takes a second, and the
// connection ends after ten.
func probeErrors(p *prober) error {
	k := p.outside(stranger)
	for range 5 {
		k.say("NONSENSE", 500)
	}
	begin := time.Now()
	k.say("NONSENSE", 500)
	if pause := time.Since(begin); k.err == nil && pause < 900*time.Millisecond {
		return fmt.Errorf("the sixth error was answered after %v", pause)
	}
	for range 5 {
		if k.raw("NONSENSE\r\n").read("NONSENSE"); k.last.Code == 421 {
			return nil
		}
	}
	return errors.Join(k.end(), fmt.Errorf("the eleventh error: %s", k.last))
}

// probeConnections: of one client, fifty connections are served at a time.
func probeConnections(p *prober) error {
	const client, limit, some = "198.51.100.50", 50, 5
	quickest := time.Hour
	for n := range limit {
		begin := time.Now()
		if k := p.strangers(client); k.err != nil {
			return k.err
		}
		quickest = min(quickest, time.Since(begin))
		if n == some && quickest >= time.Second { // where anvil(8) is missing each waits a second for it
			return fmt.Errorf("the quickest of %d connections takes %v", some+1, quickest)
		}
	}
	conn, err := p.s.world.outside.Dial(context.Background(), client, machine.HostAddr+":25")
	if k := p.connect(conn, err); k.last.Code != 421 {
		return fmt.Errorf("connection %d of one client: %s", limit+1, k.last)
	}
	return nil
}
