//go:build integration

package stack

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestDoorsOfOtherSettings: what the shipped postern.yaml does not choose.
func TestDoorsOfOtherSettings(t *testing.T) {
	s := start(t, options{})
	foreign := door{name: "SRS of another forwarder", sender: "SRS0=abcd=AB=somewhere.test=ann@forwarder.test", recipient: "calm@fwd.test"}
	forged := door{name: "forged SRS of ours", sender: "SRS0=AAAA=AA=outside.test=ann@" + values().SRSDomain, recipient: "calm@fwd.test"}

	t.Run("srs_inbound any", func(t *testing.T) {
		s.policy(t, "  srs_inbound: any\n")
		s.try(t, []door{foreign.ends(554, "5.7.1"), forged.ends(554, "5.7.1")})
	})
	t.Run("srs_inbound off", func(t *testing.T) {
		s.policy(t, "  srs_inbound: \"off\"\n")
		s.try(t, []door{foreign.reaches("calm@dest.test"), forged.reaches("calm@dest.test")})
	})
	t.Run("bans by the mail host of a destination", func(t *testing.T) {
		s.policy(t, "  bans: {mx: names}\n")
		s.exec(t, "INSERT INTO alias (address, goto) VALUES ('behind-mx@fwd.test', 'x@old.test')")
		s.awaitAlias(t, "behind-mx@fwd.test")
		if _, err := run("", program, "ban", "add", "--type", "domain", "--reason", "no more of it", "old.world.test"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { run("", program, "ban", "revoke", "old.world.test") })
		s.try(t, []door{
			{name: "banned mail host", recipient: "behind-mx@fwd.test", code: 554, says: "5.7.1"},
			{name: "another mail host", recipient: "calm@fwd.test", code: 250, arrives: "calm@dest.test"},
		})
	})
}

// TestDoorsOfSubdomains: a subdomain of a hosted domain is forged, unless its own
// row says that it is elsewhere.
func TestDoorsOfSubdomains(t *testing.T) {
	s := start(t, options{})
	s.exec(t, "INSERT INTO domain (name, active) VALUES ('elsewhere.fwd.test', 0)")
	t.Cleanup(func() { s.db.Exec("DELETE FROM domain WHERE name = 'elsewhere.fwd.test'") })
	if err := s.dns.publish("elsewhere.fwd.test. MX 10 mx.world.test.\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := run("", program, "flush", "block-local-senders", "x@elsewhere.fwd.test"); err != nil {
		t.Fatal(err)
	}
	s.try(t, []door{
		{name: "elsewhere by its row", sender: "x@elsewhere.fwd.test", recipient: "calm@fwd.test", code: 250, arrives: "calm@dest.test"},
		{name: "without a row", sender: "x@nobody.fwd.test", recipient: "calm@fwd.test", code: 554, says: "forged local sender"},
		{name: "below it", sender: "x@a.elsewhere.fwd.test", recipient: "calm@fwd.test", code: 450},
	})
}

func (d door) ends(code int, says string) door {
	d.code, d.says = code, says
	return d
}

func (d door) reaches(address string) door {
	d.code, d.arrives = 250, address
	return d
}

// policy adds lines to the policyd block of postern.yaml, until the test ends.
func (s *stack) policy(t *testing.T, lines string) {
	t.Helper()
	const path = "/etc/postern/postern.yaml"
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s.reconfigure(t, path, strings.Replace(string(before), "\npolicyd:\n", "\npolicyd:\n"+lines, 1))
	t.Cleanup(func() { s.reconfigure(t, path, string(before)) })
}

// reconfigure writes postern.yaml and has policyd read it.
func (s *stack) reconfigure(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	policyd := s.process(t, "policyd")
	reloads := regexp.MustCompile(`msg=reloaded`)
	before := len(reloads.FindAllString(policyd.log(), -1))
	if err := policyd.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := await("policyd reloads", func() error {
		if len(reloads.FindAllString(policyd.log(), -1)) == before {
			return fmt.Errorf("it says: %s", tail(policyd.log(), 300))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
