//go:build integration

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"postern/internal/scratch"
)

// TestPolicyDead: what becomes of mail while nobody answers, as the README has
// wired it, and when policyd is back.
func TestPolicyDead(t *testing.T) {
	o := policyOptions{blocks: "policyd:\n  chains: {gate: [bans], rcpt: [bans], data: [bans], submission: [bans], submission-data: [bans]}\n"}
	h := newPolicyHost(t, o)
	daemons := h.alone(t, "srsd", "socketmap", "policyd")
	h.share(t)
	h.startMTA(t, o)
	h.ban(t, "add", "203.0.113.66")
	lives := `
		-- 203.0.113.66 -
		MAIL FROM:<friend@far.test>  | 250
		RCPT TO:<info@fwd.test>      | 554 5.7.1 … Client banned
		-- login alice
		MAIL FROM:<alice@fwd.test>   | 250
		RCPT TO:<b@far.test>         | 250
		DATA                         | 354
		.                            | 250`
	h.dialogue(t, lives)
	for _, end := range []struct {
		name string
		end  func()
	}{
		{"stopped", func() { daemons["policyd"].stop(t) }},
		{"killed", daemons["policyd"].kill},
	} {
		t.Run(end.name, func(t *testing.T) {
			mail := func(client string) (took time.Duration) {
				begin := time.Now()
				h.dialogue(t, "-- "+client+` -
					MAIL FROM:<friend@far.test>  | 250
					RCPT TO:<info@fwd.test>      | 250
					RCPT TO:<nobody@fwd.test>    | 550 5.1.1
					RCPT TO:<victim@far.test>    | 554 5.7.1 … Relay access denied
					DATA                         | 354
					.                            | 250
					=> sent`)
				return time.Since(begin)
			}
			usual := mail("203.0.113.65")
			begin := time.Now()
			end.end()
			if took := time.Since(begin); took > time.Minute { // not the 1000s of a lame duck
				t.Errorf("the end took %v, though nobody else listens", took)
			}
			strain := startStrain(t, func(context.Context) {})
			took := mail("203.0.113.66")
			if slack := strain.slack(); took > 3*time.Second+2*usual+slack { // with try_limit=2 it is four, a second for each time that is asked
				t.Errorf("mail took %v while nobody answers, and %v before; the strain of the machine explains %v", took, usual, slack)
			}
			h.dialogue(t, `
				-- login alice
				MAIL FROM:<alice@fwd.test>   | 250
				RCPT TO:<b@far.test>         | 451 4.3.0 … policy service unavailable`)
			daemons["policyd"].start(t)
			daemons["policyd"].awaitReady(t)
			h.share(t)
			h.dialogue(t, lives)
		})
	}
}

// policyStream is clients that send message after message, each on a session that
// stays open, as large senders do.
type policyStream struct {
	stopped   atomic.Bool
	group     sync.WaitGroup
	taken     atomic.Int64
	mu        sync.Mutex
	surprises []string
}

// startPolicyStream starts n of them.
func (h *policyHost) startPolicyStream(t *testing.T, n int) *policyStream {
	t.Helper()
	s := &policyStream{}
	for i := range n {
		d := h.call(t, fmt.Sprintf("198.18.9.%d -", i+1))
		s.group.Go(func() {
			defer d.Close()
			for !s.stopped.Load() {
				s.one(d)
				time.Sleep(5 * time.Millisecond) // the machine has other work
			}
		})
	}
	return s
}

// one asks three chains about a message and takes it back.
func (s *policyStream) one(d *scratch.Dialog) {
	for _, command := range []string{"MAIL FROM:<friend@far.test>", "RCPT TO:<info@fwd.test>", "RCPT TO:<other@fwd.test>", "RSET"} {
		reply, err := d.Command(command)
		if err != nil || reply.Code != 250 {
			s.mu.Lock()
			s.surprises = append(s.surprises, fmt.Sprint(reply, err))
			s.mu.Unlock()
			s.stopped.Store(true)
			return
		}
	}
	s.taken.Add(1)
}

// flows waits for n more messages.
func (s *policyStream) flows(t *testing.T, n int64) {
	t.Helper()
	until := s.taken.Load() + n
	eventually(t, "mail flows", func() bool { return s.taken.Load() >= until || s.stopped.Load() })
}

// stop ends it; no message may have met anything but 250.
func (s *policyStream) stop(t *testing.T) {
	t.Helper()
	s.stopped.Store(true)
	s.group.Wait()
	for _, surprise := range s.surprises {
		t.Errorf("%s", surprise)
	}
	t.Logf("%d messages", s.taken.Load())
}

// loudWiring is the README's with another port, and a default_action that
// nobody can overlook.
func (h *policyHost) loudWiring(t *testing.T) map[string]string {
	t.Helper()
	loud := strings.NewReplacer("unix:postern/policy", "inet:"+h.inet, "default_action=DUNNO", "default_action={451 4.3.0 nobody answered}")
	main := parseMain(t, loud.Replace(readWiring(t).policy))
	for name, value := range main {
		if strings.Contains(value, "unix:postern") || strings.Contains(name, "recipient") && !strings.Contains(value, "default_action") {
			t.Fatalf("%s = %s", name, value)
		}
	}
	return main
}

// TestPolicySuccessor: a second daemon listens on the same port, and the first
// is stopped. It answers on the connections that it has until Postfix leaves;
// no request meets a default_action.
func TestPolicySuccessor(t *testing.T) {
	const block = "policyd:\n  chains: {gate: [bans, rate_limits], rcpt: [bans], data: [rate_limits], submission: [], submission-data: []}\n" +
		"  rate_limits: [{name: any, key: client_address, limit: 1000000/1h}]\n"
	o := policyOptions{blocks: block}
	h := newPolicyHost(t, o)
	o.main = h.loudWiring(t)
	daemons := h.alone(t, "srsd", "socketmap", "policyd")
	h.startMTA(t, o)
	s := h.startPolicyStream(t, 4)
	s.flows(t, 20)
	old := daemons["policyd"]
	for i := range 2 {
		next := &daemon{dir: h.d.dir, metrics: freeRow(t)}
		role := fmt.Sprintf("policyd%d", i)
		next.args = []string{"policyd", "--config", h.roleConfig(role)}
		h.unix = filepath.Join(h.d.dir, role+".sock") // a unix socket has one listener
		h.configure(t, block+"state_dir: {dir}/"+role+"\n")
		h.configureRole(t, role, next.metrics)
		replaceInFile(t, h.roleConfig(role), h.d.dir+"/control", h.d.dir+"/"+role)
		t.Cleanup(next.kill)
		next.start(t)
		next.awaitReady(t)
		before := next.metric(t, "postern_policy_requests_total")
		if err := old.process.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		s.flows(t, 40)
		select {
		case <-old.process.done:
			t.Errorf("the old daemon ended (%v) while Postfix had connections to it", old.process.err)
		default:
		}
		fresh := h.startPolicyStream(t, 2) // of smtpd(8)s that have no connection yet
		fresh.flows(t, 5)
		fresh.stop(t)
		if next.metric(t, "postern_policy_requests_total") == before {
			t.Error("the successor was asked nothing")
		}
		s.stop(t)
		if err := h.mta.Reload(t.Context()); err != nil { // smtpd(8)s leave
			t.Fatal(err)
		}
		select {
		case <-old.process.done:
			if old.process.err != nil {
				t.Errorf("the old daemon: %v", old.process.err)
			}
		case <-time.After(patience):
			t.Fatal("the old daemon does not end when Postfix has left")
		}
		h.awaitNewServers(t)
		s = h.startPolicyStream(t, 4)
		s.flows(t, 20)
		old = next
	}
	s.stop(t)
}

// awaitNewServers waits after a reload: an smtpd(8) of before may take one more
// connection, and leaves without a word.
func (h *policyHost) awaitNewServers(t *testing.T) {
	t.Helper()
	greeted := 0
	eventually(t, "Postfix greets after its reload", func() bool {
		d, err := scratch.DialSMTP(t.Context(), h.mta.Addr())
		if err != nil {
			greeted = 0
			return false
		}
		d.Close()
		greeted++
		return greeted == 8
	})
}

// replaceInFile changes a configuration.
func replaceInFile(t *testing.T, path, old, with string) {
	t.Helper()
	text := readText(t, path)
	if !strings.Contains(text, old) {
		t.Fatalf("%s has no %q", path, old)
	}
	writeFile(t, path, strings.ReplaceAll(text, old, with))
}

// TestPolicyReload: SIGHUP under a stream loses no request, changed limits keep
// the count, and a bad configuration changes nothing.
func TestPolicyReload(t *testing.T) {
	block := func(limit string) string {
		return "policyd:\n  chains: {gate: [bans], rcpt: [bans], data: [rate_limits], submission: [], submission-data: []}\n" +
			"  rate_limits: [{name: kept, key: client_address, limit: " + limit + ", clients: [203.0.113.1]}]\n"
	}
	o := policyOptions{blocks: block("4/1d")}
	h := newPolicyHost(t, o)
	o.main = h.loudWiring(t)
	h.d.begin(t)
	h.startMTA(t, o)
	s := h.startPolicyStream(t, 4)
	s.flows(t, 20)
	h.dialogue(t, stranger+taken+taken+taken)
	h.reconfigure(t, block("5/1d"))
	h.dialogue(t, stranger+taken+taken+upToData+"450 4.7.1 … limit of 5 messages per day\n")
	s.flows(t, 20)
	for _, bad := range []struct{ text, complaint string }{
		{block("many"), "is not a limit"},
		{strings.Replace(block("9/1d"), "client_address", "client_adress", 1), "client_address"},
		{strings.Replace(block("9/1d"), "gate: [bans]", "gate: [bars]", 1), "bars"},
		{block("9/1d") + "  bans: {sender: [ip]}\n", "ip"},
		{block("9/1d") + "  state: redis://\n", "redis"},
	} {
		h.configure(t, bad.text)
		h.d.reload(t, "reload failed, the old configuration stays")
		if line := lastLine(h.d.log(), "reload failed"); !strings.Contains(line, bad.complaint) {
			t.Errorf("the log says %s, want %q", line, bad.complaint)
		}
		h.dialogue(t, stranger+upToData+"450 4.7.1 … limit of 5 messages per day\n")
	}
	h.reconfigure(t, block("6/1d"))
	h.dialogue(t, stranger+taken+upToData+"450 4.7.1 … limit of 6 messages per day\n")
	t.Run("and a restart", func(t *testing.T) {
		s.stop(t)
		h.d.stop(t)
		h.d.begin(t)
		h.dialogue(t, stranger+upToData+"450 4.7.1 … limit of 6 messages per day\n")
	})
}
