//go:build integration

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// alone starts daemons of their own with the host's configuration, each with
// metrics of its own, and waits for the last one.
func (h *policyHost) alone(t *testing.T, roles ...string) map[string]*daemon {
	t.Helper()
	daemons := map[string]*daemon{}
	for _, role := range roles {
		d := &daemon{dir: h.d.dir, metrics: freeRow(t), args: []string{role, "--config", h.roleConfig(role)}}
		t.Cleanup(d.kill)
		h.configureRole(t, role, d.metrics)
		d.start(t)
		daemons[role] = d
	}
	for _, d := range daemons {
		d.awaitReady(t)
	}
	return daemons
}

func (h *policyHost) roleConfig(role string) string { return filepath.Join(h.d.dir, role+".yaml") }

var metricsLine = regexp.MustCompile(`(?m)^metrics: .*$`)

// configureRole writes the configuration of one daemon.
func (h *policyHost) configureRole(t *testing.T, role, metrics string) {
	t.Helper()
	writeFile(t, h.roleConfig(role), metricsLine.ReplaceAllString(readText(t, h.d.config()), `metrics: {listen: "inet:`+metrics+`"}`))
}

// TestPolicyWithoutSRSD: srsd alone is stopped. What needs it goes by `fail`,
// and all other mail passes.
func TestPolicyWithoutSRSD(t *testing.T) {
	block := func(fail string) string {
		return "policyd:\n  chains: {gate: [srs, bans], rcpt: [], data: [], submission: [srs], submission-data: []}\n  srs: {" + fail + "}\n"
	}
	o := policyOptions{blocks: block("")}
	h := newPolicyHost(t, o)
	daemons := h.alone(t, "srsd", "socketmap", "policyd")
	h.share(t)
	h.startMTA(t, o)
	a := h.d.asker()
	defer a.close()
	names := []string{"made", a.rewritten(t, "srs-forward", "friend@far.test")}
	names = append(names, "forged", forged(names[1]))
	h.dialogue(t, `
		-- 203.0.113.1 mail.far.test
		MAIL FROM:<{forged}>         | 250
		RCPT TO:<info@fwd.test>      | 554 5.7.1 … does not verify
		RSET                         | 250
		MAIL FROM:<{made}>           | 250
		RCPT TO:<info@fwd.test>      | 250`, names...)
	daemons["srsd"].stop(t)
	reload := func(settings string) {
		h.configure(t, block(settings))
		h.configureRole(t, "policyd", daemons["policyd"].metrics)
		daemons["policyd"].reload(t, "msg=reloaded")
	}
	for _, test := range []struct{ name, settings, stranger, login string }{
		{"default_action", "", "250", "451 4.3.0 … policy service unavailable … !(id"},
		{"open", "fail: open", "250", "550 5.1.1 … User unknown"},
		{"closed", "fail: closed", "451 4.3.0 … policy check srs is not available, please try again (id", "451 4.3.0 … policy check srs is not available"},
		{"shadow", "mode: shadow", "250", "550 5.1.1 … User unknown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			reload(test.settings)
			h.dialogue(t, `
				-- 203.0.113.1 mail.far.test
				MAIL FROM:<{forged}>         | 250
				RCPT TO:<info@fwd.test>      | `+test.stranger+`
				RSET                         | 250
				MAIL FROM:<friend@far.test>  | 250
				RCPT TO:<info@fwd.test>      | 250
				RSET                         | 250
				MAIL FROM:<>                 | 250
				RCPT TO:<info@fwd.test>      | 250
				-- login alice
				MAIL FROM:<alice@fwd.test>   | 250
				RCPT TO:<{made}>             | `+test.login, names...)
		})
	}
	if n := daemons["policyd"].metric(t, "postern_policy_requests_total", `result="no_reply"`); n != 1+2 {
		t.Errorf("%v requests had no reply, want one of port 25, and two of submission, where Postfix tries twice", n)
	}
	daemons["srsd"].start(t)
	reload("")
	h.dialogue(t, `
		-- 203.0.113.1 mail.far.test
		MAIL FROM:<{forged}>         | 250
		RCPT TO:<info@fwd.test>      | 554 5.7.1 … does not verify`, names...)
}

// TestPolicyWithoutDatabase: the table of bans was never loaded.
func TestPolicyWithoutDatabase(t *testing.T) {
	block := func(fail string) string {
		return "database: {driver: mysql, hosts: [\"" + freeAddr(t) + "\"], name: none, user: none, password: none}\n" +
			"policyd:\n  chains: {gate: [bans], rcpt: [], data: [], submission: [bans], submission-data: []}\n  bans: {" + fail + "}\n"
	}
	o := policyOptions{blocks: block(""), main: map[string]string{"virtual_alias_maps": srsAliases, "virtual_alias_domains": "fwd.test"}}
	h := newPolicyHost(t, o)
	h.d.start(t)
	h.share(t)
	h.startMTA(t, o)
	for _, test := range []struct{ name, settings, stranger, login string }{
		{"default_action", "", "250", "451 4.3.0 … policy service unavailable … !(id"},
		{"open", "fail: open", "250", "250"},
		{"closed", "fail: closed", "451 4.3.0 … policy check bans is not available, please try again (id", "451 4.3.0 … policy check bans is not available"},
		{"shadow", "mode: shadow, fail: closed", "250", "250"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h.reconfigure(t, block(test.settings))
			h.dialogue(t, `
				-- 203.0.113.1 mail.far.test
				MAIL FROM:<friend@far.test>  | 250
				RCPT TO:<info@fwd.test>      | `+test.stranger+`
				-- login alice
				MAIL FROM:<alice@fwd.test>   | 250
				RCPT TO:<b@far.test>         | `+test.login)
		})
	}
	if err := h.d.process.end(syscall.SIGTERM); err != nil {
		t.Errorf("postern after SIGTERM: %v", err)
	}
	if !strings.Contains(h.d.log(), "never loaded") {
		t.Error("the log does not tell that the table was never loaded")
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
