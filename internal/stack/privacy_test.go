//go:build integration

package stack

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/internal/scratch"
)

// canary is in the address, and in the domain, of every destination that
// nobody may learn of.
const canary = "canary"

// TestNobodyLearnsWhereAnAliasLeads writes to aliases whose destinations refuse,
// defer, do not exist or are banned, and reads everything that comes back: each
// reply, each bounce and notice, the metrics, and the log of postern where
// addresses are masked.
func TestNobodyLearnsWhereAnAliasLeads(t *testing.T) {
	s := start(t, options{more: true})
	if err := s.dns.publish("canary.test. MX 10 mx.world.test.\ncanary-dead.test. MX 10 dead.world.test.\n"); err != nil {
		t.Fatal(err)
	}
	mark := len(s.posternLogs())
	rows := []struct {
		alias, destination string
		answers            string // of the destination's server, to RCPT
		bounced            bool   // a bounce comes back
	}{
		{"taken", "canary-taken@canary.test", "", false},
		{"unknown", "canary-unknown@canary.test", "550 5.1.1 <canary-unknown@canary.test>: no such user canary-unknown at canary.test", true},
		{"full", "canary-full@canary.test", "552-5.2.2 The mailbox of canary-full@canary.test\r\n552 5.2.2 is full, see https://canary.test/canary-full", true},
		{"odd", "canary-odd@canary.test", "550 <canary-odd@canary.test>\tcanary.test: go away", true},
		{"later", "canary-later@canary.test", "451 4.2.1 canary-later@canary.test comes back later", true},
		{"dead", "canary-dead@canary-dead.test", "", true},
		{"gone", "canary-gone@canary-gone.invalid", "", true},
		{"banned", "canary-banned@canary.test", "", false},
	}
	for _, row := range rows {
		s.exec(t, "INSERT INTO alias (address, goto) VALUES (?, ?)", "private-"+row.alias+"@fwd.test", row.destination)
		if row.answers != "" {
			s.world.answer(t, row.destination, row.answers)
		}
	}
	s.exec(t, "INSERT INTO alias (address, goto) VALUES ('private@fwd.test', 'private-home@dest.test')")
	s.exec(t, "INSERT INTO smtp_sender_acl (login, sender) VALUES ('alice', 'private@fwd.test')")
	if _, err := run("", program, "ban", "add", "--type", "email", "--reason", "abuse", "canary-banned@canary.test"); err != nil {
		t.Fatal(err)
	}
	s.awaitAlias(t, "private-banned@fwd.test")

	var told []scratch.Reply
	for _, row := range rows {
		told = append(told, s.writeTo(t, "private-"+row.alias+"@fwd.test")...)
		told = append(told, s.submitTo(t, "private-"+row.alias+"@fwd.test")...)
	}
	for _, reply := range told {
		if strings.Contains(reply.Text, canary) {
			t.Errorf("a reply tells: %s", reply)
		}
	}
	s.giveUp(t)
	for _, row := range rows {
		if row.bounced {
			s.noBounceTells(t, s.world.mail(t, "private-writer-"+row.alias+"@outside.test"))
		}
	}
	notices := s.world.takeAll("private-home@dest.test") // alice's, who asks for notices of success, too
	if len(notices) < 2*len(rows)-4 {
		t.Errorf("%d notices came back to the login", len(notices))
	}
	for _, notice := range notices {
		s.noBounceTells(t, notice)
	}
	s.metricsTellNothing(t)
	for line := range strings.Lines(s.posternLogs()[mark:]) {
		if regexp.MustCompile(`canary-[a-z]+@`).MatchString(line) {
			t.Errorf("a masked log tells: %s", line)
		}
	}
}

// writeTo writes to an alias from outside, with all that a curious client tries.
func (s *stack) writeTo(t *testing.T, alias string) []scratch.Reply {
	t.Helper()
	name, _, _ := strings.Cut(alias, "@")
	sender := strings.Replace(name, "private-", "private-writer-", 1) + "@outside.test"
	c := s.outside(t, "198.51.100.77")
	c.command("VRFY " + alias)
	c.command("EXPN " + alias)
	c.expect("MAIL FROM:<"+sender+">", 250)
	c.command("RCPT TO:<" + alias + "> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;" + alias)
	c.command("RCPT TO:<" + strings.ToUpper(alias) + ">")
	c.command("RCPT TO:<" + strings.Replace(alias, "@", "+x@", 1) + ">")
	c.command("RCPT TO:<" + alias + ">")
	c.data(letter(sender, alias, alias))
	c.command("QUIT")
	return c.all
}

// submitTo writes to an alias as a login that asks for every notice.
func (s *stack) submitTo(t *testing.T, alias string) []scratch.Reply {
	t.Helper()
	c := s.login(t, "alice", "secret-of-alice")
	c.expect("MAIL FROM:<private@fwd.test> RET=FULL", 250)
	c.command("RCPT TO:<" + alias + "> NOTIFY=SUCCESS,FAILURE,DELAY")
	c.data(letter("private@fwd.test", alias, alias))
	c.command("QUIT")
	return c.all
}

// giveUp makes Postfix return what it would try again. Bounces on their way are
// left alone: one that expires is gone.
func (s *stack) giveUp(t *testing.T) {
	t.Helper()
	letters := regexp.MustCompile(`(?m)^\{.*"queue_id": "(\w+)".*"sender": "[^"]*@`)
	err := await("the queue is empty", func() error {
		queue, err := run("", "postqueue", "-j")
		if err != nil || queue == "" {
			return err
		}
		var ids strings.Builder
		for _, found := range letters.FindAllStringSubmatch(queue, -1) {
			ids.WriteString(found[1] + "\n")
		}
		if _, err := run(ids.String(), "postsuper", "-e", "-"); err != nil {
			return err
		}
		if _, err := run("", "postqueue", "-f"); err != nil {
			return err
		}
		return fmt.Errorf("queue: %s", tail(queue, 1000))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// noBounceTells reads what came back to a sender.
func (s *stack) noBounceTells(t *testing.T, m message) {
	t.Helper()
	sender := m.Recipients[0]
	if m.Sender != "" {
		t.Errorf("%s: no bounce came, but mail from %s", sender, m.Sender)
	}
	for line := range strings.Lines(string(m.Data)) {
		if strings.Contains(line, canary) {
			t.Errorf("%s: a bounce tells: %s", sender, line)
		}
	}
	if !strings.Contains(string(m.Data), "@fwd.test") {
		t.Errorf("%s: the bounce does not tell which address it is about:\n%s", sender, m.Data)
	}
}

func (s *stack) metricsTellNothing(t *testing.T) {
	t.Helper()
	for name, port := range posternDaemons(s.opts.serve) {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", port))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || len(text) < 1000 {
			t.Fatalf("%s: metrics: %d bytes, %v", name, len(text), err)
		}
		if strings.Contains(string(text), canary) || strings.Contains(string(text), "@") {
			t.Errorf("%s: the metrics have an address", name)
		}
	}
}

// posternLogs is what the daemons have logged, one after the other.
func (s *stack) posternLogs() string {
	var all []string
	for _, p := range s.processes {
		if slices.Contains([]string{"socketmap", "policyd", "srsd", "serve"}, p.name) {
			all = append(all, p.log())
		}
	}
	return strings.Join(all, "")
}
