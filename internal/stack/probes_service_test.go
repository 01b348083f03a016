//go:build integration

package stack

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// serviceProbes are programs on the machine, and counts of what daemons ask.
func serviceProbes() []probe {
	return []probe{
		{name: "sendmail", try: probeSendmail},
		{name: "error", try: probeErrorTransport},
		{name: "queue", try: func(*prober) error {
			_, err := run("", "runuser", "-u", "postern", "--", "postqueue", "-p")
			return err
		}},
		{name: "newaliases", try: probeNewaliases},
		{name: "null recipient", try: probeNullRecipient},
		{name: "static names", try: probeStaticNames, alone: true},
		{name: "policy", try: probePolicyCost, alone: true},
		{name: "full disk", try: probeFullDisk, alone: true},
		{name: "throttle", try: probeThrottle, alone: true},
	}
}

// probeSendmail: programs of this machine mail by sendmail(1).
func probeSendmail(p *prober) error {
	to := p.named("program", "dest.test")
	if _, err := run("Subject: program\n\nhello\n", "sendmail", "-f", "a@outside.test", to); err != nil {
		return err
	}
	_, err := p.arrives(to)
	return err
}

// probeErrorTransport: mail for a user of the machine, from the machine, bounces.
func probeErrorTransport(p *prober) error {
	sender := p.named("refused", "outside.test")
	if _, err := run("Subject: local\n\nhello\n", "sendmail", "-f", sender, "root@[192.0.2.1]"); err != nil {
		return err
	}
	m, err := p.arrives(sender)
	if err == nil && !strings.Contains(string(m.Data), "no mailboxes on this host") {
		err = fmt.Errorf("the bounce says\n%s", m.Data)
	}
	return err
}

// probeNewaliases: there is no table that nothing would read.
func probeNewaliases(*prober) error {
	const table = "/etc/aliases.db"
	os.Remove(table)
	if _, err := run("", "newaliases"); err != nil {
		return err
	}
	if _, err := os.Stat(table); err == nil {
		return errors.New("newaliases wrote " + table)
	}
	return nil
}

// probeNullRecipient: mail to nobody is the operator's.
func probeNullRecipient(p *prober) error {
	subject := fmt.Sprintf("null recipient %d", p.n)
	if _, err := run("Subject: "+subject+"\n\nhello\n", "sendmail", "-f", "a@outside.test", ""); err != nil {
		return err
	}
	return p.operatorGets(subject)
}

// operatorGets waits for a message with a subject.
func (p *prober) operatorGets(subject string) error {
	for {
		m, err := p.arrives(values().Operator)
		if err != nil || strings.Contains(m.header("Subject"), subject) {
			return err
		}
	}
}

// srsAddress asks srsd for the address of a forwarded sender.
func srsAddress(sender string) (string, error) {
	out, err := run("", "postmap", "-q", sender, "socketmap:unix:/var/spool/postfix/postern/socketmap:srs-forward")
	return strings.TrimSpace(out), err
}

// count is a counter of a daemon's metrics: the sum of the lines that match.
func counter(port int, pattern string) (int, error) {
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", port))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	sum := 0
	for _, found := range regexp.MustCompile(`(?m)^`+pattern+` (\d+)$`).FindAllSubmatch(text, -1) {
		n, _ := strconv.Atoi(string(found[1]))
		sum += n
	}
	return sum, nil
}

// counts is by how much a counter grows while something happens.
func counts(port int, pattern string, happens func() error) (int, error) {
	before, err := counter(port, pattern)
	if err != nil {
		return 0, err
	}
	if err := happens(); err != nil {
		return 0, err
	}
	after, err := counter(port, pattern)
	return after - before, err
}

// probeStaticNames: no table is asked about the operator's addresses, only where
// the operator lives and whether that is an alias.
func probeStaticNames(p *prober) error {
	for _, row := range []struct{ table, address string }{
		{"virtual-domains", "postmaster@mx.example.org"},
		{"virtual", "postmaster@mx.example.org"},
		{"virtual", "abuse@mx.example.org"},
	} {
		subject := fmt.Sprintf("static names %d %s %s", p.n, row.table, row.address)
		asked, err := counts(posternDaemons(false)["socketmap"], `postern_lookup_requests_total\{map="`+row.table+`".*\}`, func() error {
			k := p.program().envelope("", row.address).data(letter("a@outside.test", row.address, subject), 250)
			return errors.Join(k.end(), p.operatorGets(subject))
		})
		if err != nil || asked > 1 {
			return fmt.Errorf("%s was asked %d times about mail to %s, not once: %v", row.table, asked, row.address, err)
		}
	}
	return nil
}

// probePolicyCost: the policy is asked what it must be, and nothing about what
// Postfix refuses by itself.
func probePolicyCost(p *prober) error {
	const requests = `postern_policy_requests_total\{result="answered"\}`
	port := posternDaemons(false)["policyd"]
	for _, row := range []struct {
		what    string
		happens func() error
		want    int
	}{
		{"one recipient: gate, rcpt, data", func() error { return p.outside(stranger).envelope("a@outside.test", p.alias()).say("DATA", 354).end() }, 3},
		{"a bounce to two, refused: gate and rcpt of each", func() error {
			return p.outside(stranger).envelope("", p.alias(), "sales@fwd.test").say("DATA", 550).end()
		}, 4},
		{"a sender without a domain, refused: gate", func() error {
			return p.outside(stranger).recipient("x@nowhere.invalid", p.alias(), 450, "Domain not found").end()
		}, 1},
	} {
		if asked, err := counts(port, requests, row.happens); err != nil || asked != row.want {
			return fmt.Errorf("%s: the policy was asked %d times, not %d: %v", row.what, asked, row.want, err)
		}
	}
	return nil
}

// probeFullDisk: what cannot be stored is deferred, and nobody is mailed about it.
func probeFullDisk(p *prober) error {
	text, err := os.ReadFile(mainFile)
	if err != nil {
		return err
	}
	full := string(text) + "\nqueue_minfree = 9000000000000000\n"
	if err := writeConfig(mainFile, full); err != nil {
		return err
	}
	if err := p.s.reload(); err != nil {
		return err
	}
	mark := p.s.log.Len()
	refused := errors.Join(p.outside(stranger).say("MAIL FROM:<a@outside.test>", 452, "4.3.1").say("QUIT", 221).end(), p.logs(mark, "disconnect from"))
	if err := writeConfig(mainFile, string(text)); err != nil {
		return err
	}
	if err := errors.Join(refused, p.s.reload()); err != nil {
		return err
	}
	subject := fmt.Sprintf("after the full disk %d", p.n)
	if _, err := run("Subject: "+subject+"\n\nhello\n", "sendmail", "-f", "a@outside.test", values().Operator); err != nil {
		return err
	}
	for {
		m, err := p.arrives(values().Operator)
		switch {
		case err != nil:
			return err
		case strings.Contains(string(m.Data), "Transcript of session"):
			return errors.New("the operator got a transcript of a session")
		case strings.Contains(m.header("Subject"), subject):
			return nil
		}
	}
}

// probeThrottle: submission is back soon after Dovecot is.
func probeThrottle(p *prober) error {
	const soon = 30 * time.Second // a minute, Postfix's own default, is later
	for i, each := range p.s.processes {
		if each.name != "dovecot" {
			continue
		}
		if err := each.end(syscall.SIGTERM); err != nil {
			return err
		}
		mark := p.s.log.Len()
		k := p.submission()
		err := p.logs(mark, "throttling")
		k.end()
		again, started := startDovecot()
		if started == nil {
			p.s.processes[i] = again
		}
		if err := errors.Join(err, started); err != nil {
			return err
		}
	}
	waiting := &prober{s: p.s, n: p.n, patience: soon}
	defer waiting.close()
	return waiting.authenticated().end()
}
