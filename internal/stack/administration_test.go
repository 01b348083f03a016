//go:build integration

package stack

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/internal/password"
)

// TestPasswordsOfEveryScheme makes a user for each scheme that `postern user add`
// knows; Dovecot takes each password, and no other.
func TestPasswordsOfEveryScheme(t *testing.T) {
	s := start(t, options{})
	for _, scheme := range password.Schemes() {
		t.Run(scheme, func(t *testing.T) {
			user := "user-of-" + strings.ToLower(scheme)
			for _, step := range []struct{ stdin, command string }{
				{"the right one, ünd söme\n", "user add --password-stdin --scheme " + scheme + " " + user},
				{"", "sender add " + user + " alice@fwd.test"},
			} {
				if _, err := run(step.stdin, append([]string{program}, strings.Fields(step.command)...)...); err != nil {
					t.Fatal(err)
				}
			}
			if scheme == password.Default { // each guess is held back for seconds
				s.submission(t).expect(authPlain(user, "the wrong one"), 535, "5.7.8")
			}
			c := s.login(t, user, "the right one, ünd söme")
			c.expect("MAIL FROM:<alice@fwd.test>", 250)
			c.expect("RCPT TO:<friend@dest.test>", 250)
		})
	}
}

// TestIncidentStopsALoginThatIsAtIt stops a login in the middle of a session:
// its next mail is refused, what it has queued is held, and --undo lets it all go on.
func TestIncidentStopsALoginThatIsAtIt(t *testing.T) {
	s := start(t, options{})
	for _, command := range []string{
		"alias add mallory@fwd.test mallory-home@dest.test", "user add --password-stdin mallory", "sender add mallory mallory@fwd.test",
	} {
		if _, err := run("secret-of-mallory\n", append([]string{program}, strings.Fields(command)...)...); err != nil {
			t.Fatal(err)
		}
	}
	s.world.answer(t, "victim-later@dest.test", "451 4.2.0 later")
	c := s.login(t, "mallory", "secret-of-mallory")
	for _, victim := range []string{"victim@dest.test", "victim-later@dest.test"} {
		c.expect("MAIL FROM:<mallory@fwd.test>", 250)
		c.expect("RCPT TO:<"+victim+">", 250)
		if reply := c.data(letter("mallory@fwd.test", victim, victim)); reply.Code != 250 {
			t.Fatal(reply)
		}
	}
	s.world.mail(t, "victim@dest.test")
	mark := s.log.Len()
	s.logged(t, 0, `victim-later@dest\.test.*status=deferred`)
	if err := await("the mail is deferred", func() error {
		queue, err := run("", "postqueue", "-j")
		if err == nil && !regexp.MustCompile(`"queue_name": "deferred".*victim-later@dest\.test`).MatchString(queue) {
			err = errors.New(queue)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}

	id := s.incident(t, "mallory")
	c.expect("MAIL FROM:<mallory@fwd.test>", 250)
	c.expect("RCPT TO:<victim-more@dest.test>", 553, "5.7.1")
	if queue, err := run("", "postqueue", "-j"); err != nil || !strings.Contains(queue, `"queue_name": "hold"`) {
		t.Errorf("%v; queue: %s", err, queue)
	}

	if out, err := run("", program, "incident", "--undo", id); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := await("the login is back", func() error {
		return s.fromLogin("mallory", "mallory", "mallory@fwd.test")("victim-after@dest.test")
	}); err != nil {
		t.Error(err)
	}
	if queue, err := run("", "postqueue", "-j"); err != nil || strings.Contains(queue, `"queue_name": "hold"`) {
		t.Errorf("%v; queue: %s, %s", err, queue, s.log.Text()[mark:])
	}
	s.giveUp(t)
}

// writeMailLog writes what was logged as rsyslog does on Debian.
func (s *stack) writeMailLog(t *testing.T, path string) {
	t.Helper()
	var text strings.Builder
	now := time.Now()
	for line := range strings.Lines(s.log.Text()) {
		clock, rest, _ := strings.Cut(line, " ")
		day := now
		if clock > now.Format("15:04:05.000") { // before midnight
			day = now.AddDate(0, 0, -1)
		}
		text.WriteString(day.Format("2006-01-02T") + clock + "000" + now.Format("-07:00") + " mx " + rest)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// incident stops somebody, checks the report, and returns the incident's id.
func (s *stack) incident(t *testing.T, who string) string {
	t.Helper()
	report := filepath.Join(t.TempDir(), "report")
	log := filepath.Join(t.TempDir(), "mail.log")
	s.writeMailLog(t, log)
	out, err := run("", program, "incident", "--json", "--reason", "stolen password", "--log", log, "--report", report, who)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var told struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal([]byte(out), &told); err != nil || told.ID == "" {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(report)
	if err != nil || !strings.Contains(string(text), "victim@dest.test") {
		t.Errorf("the report (%v) does not say who was reached:\n%s", err, text)
	}
	return told.ID
}
