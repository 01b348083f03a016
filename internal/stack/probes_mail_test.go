//go:build integration

package stack

import (
	"errors"
	"fmt"
	"strings"
)

// mailProbes are messages from outside, and what arrives of them.
func mailProbes() []probe {
	return []probe{
		{name: "forwarded", try: probeForwarded},
		{name: "program headers", try: probeProgramHeaders},
		{name: "bytes", try: probeBytes},
		{name: "delivery tls", try: probeDeliveryTLS},
		{name: "queue id", try: probeQueueID},
		{name: "smuggled", try: probeSmuggled},
		{name: "hops", try: probeHops},
		{name: "nesting", try: func(p *prober) error { return probeExpansion(p, "chain1@fwd.test") }},
		{name: "expansion", try: func(p *prober) error { return probeExpansion(p, "crowd@fwd.test") }},
		{name: "returned", try: probeReturned},
		{name: "bounce", try: probeBounce},
		{name: "expired", try: probeExpired},
	}
}

// forward sends a message from outside to an alias with an extension, and
// returns what arrives.
func (p *prober) forward(extension, body string) (message, error) {
	alias, destination := p.extended(extension)
	if err := p.outside(stranger).envelope("a+b@outside.test", alias).data(letter("a@outside.test", alias, extension)+body, 250).end(); err != nil {
		return message{}, err
	}
	return p.arrives(destination)
}

func probeForwarded(p *prober) error {
	m, err := p.forward("forwarded", "")
	switch {
	case err != nil:
		return err
	case !strings.HasPrefix(m.Sender, "SRS0=") || !strings.HasSuffix(m.Sender, "=outside.test=a+b@srs.example.org"):
		return fmt.Errorf("forwarded mail has the sender %s", m.Sender)
	case m.header("From") != "<a@outside.test>":
		return fmt.Errorf("header From became %s", m.header("From"))
	}
	return nil
}

// probeProgramHeaders: Postfix rewrites headers of programs of this machine; not
// by SRS.
func probeProgramHeaders(p *prober) error {
	alias, destination := p.extended("headers")
	address, err := srsAddress("a@outside.test")
	if err != nil {
		return err
	}
	if err := p.program().envelope("a@outside.test", alias).data(letter("a@outside.test", address, "headers"), 250).end(); err != nil {
		return err
	}
	m, err := p.arrives(destination)
	if err == nil && (m.header("From") != "<a@outside.test>" || m.header("To") != "<"+address+">") {
		err = fmt.Errorf("headers became From: %s, To: %s", m.header("From"), m.header("To"))
	}
	return err
}

// probeBytes has what is signed and could be changed on the way, to a server
// without 8BITMIME.
func probeBytes(p *prober) error {
	alias, destination := p.named("old", "fwd.test"), p.named("old", "old.test")
	sent := []string{"Content-Length: 12\r\n", "Content-Transfer-Encoding: 8bit\r\n", "caf\xc3\xa9\r\n", strings.Repeat("long ", 400) + "\r\n"}
	text := "From: a@outside.test\r\nSubject: bytes\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n" +
		sent[0] + sent[1] + "\r\n" + sent[2] + sent[3]
	k := p.outside(stranger).say("MAIL FROM:<a@outside.test> BODY=8BITMIME", 250).say("RCPT TO:<"+alias+">", 250)
	if err := k.say("DATA", 354).raw(text).say(".", 250).end(); err != nil {
		return err
	}
	m, err := p.arrives(destination)
	if err != nil {
		return err
	}
	for _, line := range sent {
		if !strings.Contains(string(m.Data), line) {
			return fmt.Errorf("a line was changed: %.40q", line)
		}
	}
	return nil
}

// probeDeliveryTLS: to a server that takes mail inside TLS only.
func probeDeliveryTLS(p *prober) error {
	alias := p.named("tls", "fwd.test")
	if err := p.outside(stranger).envelope("a@outside.test", alias).data(letter("a@outside.test", alias, "tls"), 250).end(); err != nil {
		return err
	}
	_, err := p.arrives(p.named("tls", "tls.test"))
	return err
}

// probeQueueID: a long queue id has a z between time and inode.
func probeQueueID(p *prober) error {
	alias, _ := p.extended("id")
	k := p.outside(stranger).envelope("a@outside.test", alias).data(letter("a@outside.test", alias, "id"), 250, "queued as ")
	_, id, _ := strings.Cut(k.last.Text, "queued as ")
	if k.err == nil && !strings.Contains(id, "z") {
		k.err = fmt.Errorf("queue id %s is short", id)
	}
	return k.end()
}

// probeSmuggled has a line with a dot that ends in a bare line feed: it ends no message.
func probeSmuggled(p *prober) error {
	alias, _ := p.extended("smuggled")
	k := p.outside(stranger).envelope("a@outside.test", alias).say("DATA", 354)
	k.raw("Subject: smuggled\r\n\r\nhello\n.\r\nNOOP\r\n").say(".", 250, "queued as").say("VRFY x", 502)
	return k.end()
}

// probeHops: two forwarders that point at one another end soon.
func probeHops(p *prober) error {
	alias, _ := p.extended("hops")
	text := strings.Repeat("Received: from x by y; Sat, 21 Nov 2026 12:00:00 +0000\n", 30) + letter("a@outside.test", alias, "hops")
	return p.outside(stranger).envelope("a@outside.test", alias).data(text, 554, "too many hops").end()
}

// probeExpansion: what expands without end is not taken.
func probeExpansion(p *prober, alias string) error {
	return p.outside(stranger).envelope("a@outside.test", alias).data(letter("a@outside.test", alias, "expansion"), 451, "4.6.0").end()
}

// probeReturned: a bounce finds the sender.
func probeReturned(p *prober) error {
	sender := p.named("returned", "outside.test")
	address, err := srsAddress(sender)
	if err != nil {
		return err
	}
	if err := p.outside(stranger).envelope("", address).data(letter("mailer-daemon@dest.test", address, "returned"), 250).end(); err != nil {
		return err
	}
	_, err = p.arrives(sender)
	return err
}

// bounced sends a message whose destination is private%d@dest.test or the like,
// and checks the bounce: the sender has it, and it does not tell the destination
// or the body.
func (p *prober) bounced(name, private string, meanwhile func(queueID string) error) error {
	sender, alias := p.named(name, "outside.test"), p.named(name, "fwd.test")
	k := p.outside(stranger).envelope(sender, alias).data(letter(sender, alias, name)+"the body\n", 250, "queued as ")
	if err := k.end(); err != nil {
		return err
	}
	_, id, _ := strings.Cut(k.last.Text, "queued as ")
	if err := meanwhile(id); err != nil {
		return err
	}
	m, err := p.arrives(sender)
	text := string(m.Data)
	switch {
	case err != nil:
		return err
	case m.Sender != "":
		return fmt.Errorf("a bounce has the sender %s", m.Sender)
	case strings.Contains(text, private):
		return fmt.Errorf("the bounce tells the destination: %s", lineWith(text, private))
	case strings.Contains(text, "the body"):
		return errors.New("the bounce has the body of the message")
	case !strings.Contains(text, alias):
		return errors.New("the bounce does not tell the alias")
	}
	return nil
}

func lineWith(text, part string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

func probeBounce(p *prober) error {
	return p.bounced("gone", fmt.Sprintf("private%d", p.n), func(string) error { return nil })
}

// probeExpired: a message that was deferred and then given up, by an administrator.
func probeExpired(p *prober) error {
	return p.bounced("later", fmt.Sprintf("patient%d", p.n), func(id string) error {
		if err := p.deferred(id); err != nil {
			return err
		}
		if _, err := run("", "postsuper", "-e", id); err != nil {
			return err
		}
		_, err := run("", "postqueue", "-i", id)
		return err
	})
}
