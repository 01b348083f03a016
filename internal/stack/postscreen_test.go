//go:build integration

package stack

import (
	"os"
	"strings"
	"testing"

	"postern/internal/scratch/machine"
)

// TestPostscreenInFront uncomments the lines of master.cf for postscreen(8): a
// client that waits for the greeting gets through at once, one that talks first
// does not, and mail goes the way it went.
func TestPostscreenInFront(t *testing.T) {
	s := start(t, options{})
	s.putPostscreenInFront(t)

	mark := s.log.Len()
	impatient, err := s.world.outside.Dial(t.Context(), "198.51.100.91", machine.HostAddr+":25")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := impatient.Write([]byte("EHLO impatient.test\r\n")); err != nil {
		t.Fatal(err)
	}
	s.logged(t, mark, `postscreen\[\d+\]: PREGREET .* from \[198\.51\.100\.91\]`)

	patient := s.outside(t, "198.51.100.92")
	patient.expect("MAIL FROM:<ann@outside.test>", 250)
	patient.expect("RCPT TO:<nobody-here@fwd.test>", 550, "5.1.1")
	patient.expect("RSET", 250)
	patient.send("ann@outside.test", []string{"hello@fwd.test"}, letter("ann@outside.test", "hello@fwd.test", "behind postscreen"))
	s.logged(t, mark, `postscreen\[\d+\]: PASS NEW \[198\.51\.100\.92\]`)
	impatient.Close()
	s.logged(t, mark, `postscreen\[\d+\]: DISCONNECT \[198\.51\.100\.91\]`)
	if strings.Contains(s.log.Text()[mark:], "connect from unknown[198.51.100.91]") {
		t.Error("a client that talked before the greeting got through to smtpd")
	}
	if m := s.world.mail(t, "hello@dest.test"); !strings.HasSuffix(m.Sender, "@"+values().SRSDomain) {
		t.Errorf("sender %s", m.Sender)
	}
}

// putPostscreenInFront does what the comment in master.cf says, until the test ends.
func (s *stack) putPostscreenInFront(t *testing.T) {
	t.Helper()
	const path = "/etc/postfix/master.cf"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	changed := 0
	for i, line := range lines {
		switch fields := strings.Fields(line); {
		case len(fields) == 8 && fields[0] == "smtp" && fields[7] == "smtpd":
			lines[i] = "#" + line
			changed++
		case len(fields) == 8 && strings.HasPrefix(fields[0], "#") && strings.Contains("postscreen smtpd dnsblog tlsproxy", fields[7]):
			lines[i] = line[1:]
			changed++
		}
	}
	if changed != 5 {
		t.Fatalf("master.cf has %d lines about postscreen", changed)
	}
	write := func(text string) {
		if err := writeConfig(path, text); err != nil {
			t.Fatal(err)
		}
		if err := s.reload(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { write(string(text)) })
	write(strings.Join(lines, ""))
}
