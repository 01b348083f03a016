//go:build integration

package stack

import (
	"errors"
	"fmt"
	"strings"
)

// submissionProbes are what a login on port 587 can do, and cannot.
func submissionProbes() []probe {
	return []probe{
		{name: "login", try: func(p *prober) error { return p.authenticated().envelope(p.alias(), "somebody@dest.test").end() }},
		{name: "submission tls", try: probeSubmissionTLS},
		{name: "submission keywords", try: func(p *prober) error {
			return p.submission().say("EHLO again.test", 250, "AUTH PLAIN", "DSN").not("ETRN").end()
		}},
		// ETRN gets to the lock for strangers whatever the From guard says to MAIL
		{name: "submission stranger", try: func(p *prober) error {
			return p.submission().say("ETRN fwd.test", 554, "Client host rejected").end()
		}},
		{name: "submission senders", try: probeLoginSenders},
		{name: "submission recipients", try: probeLoginRecipients},
		{name: "submission limit", try: probeLoginLimit},
		{name: "submission log", try: func(p *prober) error {
			mark := p.s.log.Len()
			return errors.Join(p.authenticated().end(), p.logs(mark, "postfix/submission/smtpd["))
		}},
		{name: "submitted", try: probeSubmitted},
		{name: "submitted alias", try: probeSubmittedAlias},
		{name: "submitted notice", try: probeSubmittedNotice},
		{name: "from guard", try: probeFromGuard},
		{name: "submitted nul", try: func(p *prober) error { // what stands behind it is hidden from milters
			return p.authenticated().envelope(p.alias(), "somebody@dest.test").data("X-Hidden: a\x00b\n"+letter(p.alias(), "somebody@dest.test", "nul"), 550, "5.7.1").end()
		}},
		{name: "delivery notice", try: probeDeliveryNotice},
	}
}

// probeSubmissionTLS: no password crosses the wire in the clear.
func probeSubmissionTLS(p *prober) error {
	k := p.near("127.0.0.1", "127.0.0.1:587").not("AUTH")
	k.say(authPlain(p.login(), "secret-of-alice"), 530, "5.7.0").say("MAIL FROM:<"+p.alias()+">", 530, "5.7.0")
	return k.end()
}

func probeLoginSenders(p *prober) error {
	k := p.authenticated().recipient("bob@b.test", "somebody@dest.test", 553, "5.7.1").say("RSET", 250)
	k.recipient("somebody@outside.test", "somebody@dest.test", 553, "5.7.1").say("RSET", 250)
	// a row of the login's own, without a dot
	return k.recipient(p.named("probe", "intranet"), "somebody@dest.test", 504, "5.5.2").end()
}

func probeLoginRecipients(p *prober) error {
	address, err := srsAddress("a@outside.test")
	if err != nil {
		return err
	}
	k := p.authenticated().envelope(p.alias(), "somebody@dest.test")
	k.say("RCPT TO:<somebody@nodots>", 504, "5.5.2").say("RCPT TO:<x@banned.test>", 554, "5.7.1")
	k.say("RCPT TO:<x@"+bannedName+">", 504, "5.5.2")
	return k.say("RCPT TO:<"+address+">", 550, "5.1.1").end()
}

// probeLoginLimit: the recipients of a message count before it is sent.
func probeLoginLimit(p *prober) error {
	k := p.submission().say(authPlain("limited", "secret-of-alice"), 235).envelope("limited@fwd.test")
	const limit = 60
	for i := range limit + 1 {
		k.say(fmt.Sprintf("RCPT TO:<crowd%d@dest.test>", i), 250)
	}
	return k.say("DATA", 554, "limit of 60").end()
}

// probeSubmitted: sender and recipient stay what they are, and the message is signed.
func probeSubmitted(p *prober) error {
	to := p.named("submitted", "dest.test")
	if err := p.authenticated().envelope(p.alias(), to).data(letter(p.alias(), to, "submitted"), 250).end(); err != nil {
		return err
	}
	m, err := p.arrives(to)
	switch {
	case err != nil:
		return err
	case m.Sender != p.alias():
		return fmt.Errorf("submitted mail has the sender %s", m.Sender)
	case !strings.Contains(string(m.Data), "DKIM-Signature:"):
		return errors.New("submitted mail is not signed")
	}
	return nil
}

// probeSubmittedAlias: aliases of hosted domains are followed.
func probeSubmittedAlias(p *prober) error {
	alias, destination := p.extended("colleague")
	if err := p.authenticated().envelope(p.alias(), alias).data(letter(p.alias(), alias, "colleague"), 250).end(); err != nil {
		return err
	}
	m, err := p.arrives(destination)
	if err == nil && m.Sender != p.alias() {
		err = fmt.Errorf("submitted mail to an alias has the sender %s", m.Sender)
	}
	return err
}

// probeSubmittedNotice: a receipt has the null sender.
func probeSubmittedNotice(p *prober) error {
	to := p.named("receipt", "dest.test")
	if err := p.authenticated().envelope("", to).data(letter(p.alias(), to, "receipt"), 250).end(); err != nil {
		return err
	}
	m, err := p.arrives(to)
	if err == nil && m.Sender != "" {
		err = fmt.Errorf("a receipt has the sender %s", m.Sender)
	}
	return err
}

// probeFromGuard: a message that the guard refuses was signed by nobody before.
func probeFromGuard(p *prober) error {
	mark, refused := p.s.log.Len(), "milter-reject: END-OF-MESSAGE from localhost"
	k := p.authenticated().envelope(p.alias(), "somebody@dest.test").data(letter("bob@b.test", "somebody@dest.test", "forged"), 550)
	if err := errors.Join(k.end(), p.logs(mark, refused)); err != nil {
		return err
	}
	text := p.s.log.Text()[mark:]
	for line := range strings.Lines(text) {
		before, _, found := strings.Cut(line, ": "+refused)
		id := before[strings.LastIndexByte(before, ' ')+1:]
		if found && strings.Contains(line, p.alias()) && strings.Contains(text, id+": DKIM-Signature field added") {
			return fmt.Errorf("%s was signed, and then refused", id)
		}
	}
	return nil
}

// probeDeliveryNotice: a login may ask what became of its mail.
func probeDeliveryNotice(p *prober) error {
	to := p.named("notified", "dest.test")
	k := p.authenticated().say("MAIL FROM:<"+p.alias()+">", 250).say("RCPT TO:<"+to+"> NOTIFY=SUCCESS", 250)
	if err := k.data(letter(p.alias(), to, "notify"), 250).end(); err != nil {
		return err
	}
	if _, err := p.arrives(to); err != nil {
		return err
	}
	for {
		m, err := p.arrives(p.named("probe", "dest.test"))
		if err != nil || m.Sender == "" && strings.Contains(string(m.Data), to) {
			return err
		}
	}
}
