//go:build integration

package e2e

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"postern/policyd"
)

// policyDaemon is a `postern policyd`, a process of its own, and a client that
// asks it as Postfix does.
type policyDaemon struct {
	*daemon
	at     string // HOST:PORT of the policy service
	client *policyd.Client
}

// newPolicyDaemon prepares one. Settings are lines of the policyd block, and
// {dir} in them is its folder; more are other blocks.
func newPolicyDaemon(t *testing.T, more string, settings ...string) *policyDaemon {
	t.Helper()
	d := &policyDaemon{daemon: newFolderDaemon(t), at: freeAddr(t)}
	d.args = []string{"policyd", "--config", d.config()}
	d.client = policyd.NewClient("tcp", d.at, policyd.ClientOptions{Timeout: patience, Connections: 40})
	t.Cleanup(func() { d.client.Close() })
	d.set(t, more, settings...)
	return d
}

// startPolicyDaemon starts one.
func startPolicyDaemon(t *testing.T, more string, settings ...string) *policyDaemon {
	t.Helper()
	return newPolicyDaemon(t, more, settings...).begin(t)
}

// begin starts the daemon and waits until it answers.
func (d *policyDaemon) begin(t *testing.T) *policyDaemon {
	t.Helper()
	d.start(t)
	d.awaitReady(t)
	return d
}

// set writes the configuration.
func (d *policyDaemon) set(t *testing.T, more string, settings ...string) {
	t.Helper()
	block := "policyd:\n  listen: [inet:" + d.at + "]\n"
	for _, line := range settings {
		block += "  " + line + "\n"
	}
	d.configure(t, block+more)
}

// clientLimit is a chain of one rule, which counts mails by the client.
func clientLimit(limit string) []string {
	return []string{"checks: [rate_limits]", "rate_limits: [{name: client, key: client_address, limit: " + limit + "}]"}
}

// loginLimit is the same by the login.
func loginLimit(limit string) []string {
	return []string{"checks: [rate_limits]", "rate_limits: [{name: login, key: sasl_username, limit: " + limit + "}]"}
}

// policyInstances makes each mail here another one.
var policyInstances atomic.Int64

// policyMail is a request at RCPT about a mail that nobody has seen before.
// Fields are further attributes, name=value; of two the last counts.
func policyMail(fields ...string) []policyd.Attribute {
	instance := fmt.Sprintf("instance=%x.e2e.0", policyInstances.Add(1))
	mail := []string{"request=smtpd_access_policy", "protocol_state=RCPT", "client_address=192.0.2.1", "client_name=unknown",
		"helo_name=mx.far.test", "sender=friend@far.test", "recipient=info@fwd.test", instance}
	var attributes []policyd.Attribute
	for _, field := range append(mail, fields...) {
		name, value, _ := strings.Cut(field, "=")
		attributes = append(attributes, policyd.Attribute{Name: name, Value: value})
	}
	return attributes
}

// policyText is the same as it is sent.
func policyText(fields ...string) string {
	var text strings.Builder
	for _, a := range policyMail(fields...) {
		text.WriteString(a.Name + "=" + a.Value + "\n")
	}
	return text.String() + "\n"
}

// noReply stands for an end of the connection without a reply, after which
// Postfix takes the default_action of its setting.
const noReply = "no reply"

// answer is what the daemon says about a new mail.
func (d *policyDaemon) answer(t *testing.T, fields ...string) string {
	t.Helper()
	action, err := d.client.Ask(context.WithoutCancel(t.Context()), policyMail(fields...))
	switch {
	case err == nil:
		return action
	case strings.Contains(err.Error(), "no reply"):
		return noReply
	}
	t.Fatal(err)
	return ""
}

// want asks about a new mail; the answer must begin so.
func (d *policyDaemon) want(t *testing.T, want string, fields ...string) {
	t.Helper()
	if got := d.answer(t, fields...); !strings.HasPrefix(got, want) {
		t.Errorf("%q: %s, want %s", fields, got, want)
	}
}

// spend sends n mails that must pass.
func (d *policyDaemon) spend(t *testing.T, n int, fields ...string) {
	t.Helper()
	for i := range n {
		if got := d.answer(t, fields...); got != "DUNNO" {
			t.Fatalf("mail %d of %d, %q: %s", i+1, n, fields, got)
		}
	}
}

// spendAll sends mails until one is deferred, at the daemons by turns, and
// returns how many passed.
func spendAll(t *testing.T, daemons []*policyDaemon, most int, fields ...string) int {
	t.Helper()
	for n := range most {
		switch got := daemons[n%len(daemons)].answer(t, fields...); {
		case strings.HasPrefix(got, "450 4.7.1 "):
			return n
		case got != "DUNNO":
			t.Fatalf("mail %d, %q: %s", n+1, fields, got)
		}
	}
	t.Fatalf("%d mails passed and there is still no end, %q", most, fields)
	return most
}

// resident is a size of the process in bytes: VmRSS now, VmHWM at most so far.
func (d *daemon) resident(t *testing.T, name string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.process.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, name+":"); found {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kilobytes << 10
		}
	}
	t.Fatalf("no %s in\n%s", name, text)
	return 0
}
