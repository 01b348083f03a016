//go:build integration

package stack

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"
)

// away is how long a part stays dead at least.
const away = 4 * time.Second

// parts are killed in turn, by the names of their processes. Their places in
// the table of docs/operations.md:
var parts = []struct{ process, title string }{
	{"mariadbd", "MariaDB"},
	{"redis-server", "Redis"},
	{"policyd", "`postern policyd`"},
	{"srsd", "`postern srsd`"},
	{"socketmap", "`postern socketmap`"},
	{"opendkim", "OpenDKIM"},
	{"dovecot", "Dovecot"},
}

// TestFaultsUnderAStreamOfMail kills each part under running mail, and brings
// it back. Nothing is lost, nothing goes to a wrong address, nothing is refused
// for good; what the sender sees is what the manual says.
func TestFaultsUnderAStreamOfMail(t *testing.T) {
	s := start(t, options{more: true})
	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "killed\tport 25, alias\tport 25, unknown\tport 587\tback after")
	documented := documentedFaults(t)
	for _, part := range parts {
		t.Run(part.process, func(t *testing.T) {
			row := s.fault(t, part.process)
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%v\n", part.title, row.alias, row.unknown, row.login, row.recovery.Round(100*time.Millisecond))
			if documented[part.title] == nil {
				t.Fatalf("docs/operations.md has no row for %s", part.title)
			}
			for i, seen := range []outcomes{row.alias, row.unknown, row.login} {
				want := strings.Split(documented[part.title][i], " or ")
				for code := range seen {
					if !slices.Contains(want, codeWord(code)) {
						t.Errorf("column %d: the sender saw %q, docs/operations.md says %q", i+1, seen, want)
					}
				}
			}
		})
	}
	w.Flush()
	t.Logf("what the sender saw while a part was away:\n%s", table.String())
}

// faultRow is what the senders by each door saw.
type faultRow struct {
	alias, unknown, login outcomes
	recovery              time.Duration // from the start of the part to the first message by the slowest door
}

// fault kills one part and brings it back, under three streams.
func (s *stack) fault(t *testing.T, process string) faultRow {
	t.Helper()
	s.streamRows(t, process)
	address := func(name, domain string) func(int) string {
		return func(n int) string { return fmt.Sprintf("%s-%s+%d@%s", name, process, n, domain) }
	}
	known := startStream(t, address("stream", "fwd.test"), s.fromOutside(t, "ann@outside.test"))
	unknown := startStream(t, address("nobody", "fwd.test"), s.fromOutside(t, "ann@outside.test"))
	login := startStream(t, address("friend", "outside.test"), s.fromLogin("stream-"+process, "alice", "stream-"+process+"@fwd.test"))
	if err := await("the streams run", func() error {
		if count(known.seen(time.Time{}, time.Now()))[250] < 3 || count(login.seen(time.Time{}, time.Now()))[250] < 3 {
			return errors.New("too few messages were taken")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}

	begin := time.Now()
	s.kill(t, process)
	killed := time.Now()
	time.Sleep(away)
	if err := await("each stream has tried", func() error {
		for _, each := range []*stream{known, unknown, login} {
			if len(each.begun(killed, time.Now())) == 0 {
				return errors.New("no attempt has begun and ended while the part was away")
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	returns := time.Now()
	s.revive(t, process)
	back := time.Now()
	row := faultRow{recovery: max(recovered(t, known, back), recovered(t, login, back))}
	for _, each := range []*stream{known, unknown, login} {
		each.stop()
	}
	row.alias, row.unknown, row.login = count(known.begun(killed, returns)), count(unknown.begun(killed, returns)), count(login.begun(killed, returns))
	for _, each := range []*stream{known, login} {
		noneRefused(t, each, begin)
	}
	s.allArrived(t, process, known, login)
	for _, o := range unknown.seen(time.Time{}, time.Now()) {
		if o.taken() {
			t.Errorf("an unknown recipient was taken: %s", o.to)
		}
	}
	return row
}

// kill ends a daemon and its children at once: Dovecot's go on without their master.
func (s *stack) kill(t *testing.T, name string) {
	t.Helper()
	p := s.process(t, name)
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-p.done
}

// streamRows makes an alias and a login of the same name, with the password of
// alice: each fault has its own, so that no rate limit is reached.
func (s *stack) streamRows(t *testing.T, process string) {
	t.Helper()
	name := "stream-" + process
	s.exec(t, "INSERT INTO alias (address, goto) VALUES (?, ?)", name+"@fwd.test", name+"@dest.test")
	s.exec(t, "INSERT INTO smtp_users (username, password) SELECT ?, password FROM smtp_users WHERE username = 'alice'", name)
	s.exec(t, "INSERT INTO smtp_sender_acl (login, sender) VALUES (?, ?)", name, name+"@fwd.test")
}

// recovered waits for messages to be taken again, and is the time from back to
// the first.
func recovered(t *testing.T, s *stream, back time.Time) time.Duration {
	t.Helper()
	var first time.Duration
	err := await("messages are taken again", func() error {
		seen := s.seen(back, time.Now())
		i := slices.IndexFunc(seen, outcome.taken)
		if i < 0 || len(seen)-i < 5 {
			return fmt.Errorf("%s: the sender saw %v", s.to(0), count(seen))
		}
		first = seen[i].at.Sub(back)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return first
}

func noneRefused(t *testing.T, s *stream, since time.Time) {
	t.Helper()
	for _, o := range s.seen(since, time.Now()) {
		if o.refused() {
			t.Errorf("refused for good: %s: %d %s", o.to, o.code, o.text)
		}
	}
}

// allArrived waits until every message that was taken has arrived, once, where
// it should: a message whose sender saw no reply may have, too.
func (s *stack) allArrived(t *testing.T, process string, known, login *stream) {
	t.Helper()
	expected := map[string]bool{} // by destination: must it arrive?
	for _, o := range known.seen(time.Time{}, time.Now()) {
		expected[strings.Replace(o.to, "@fwd.test", "@dest.test", 1)] = o.taken()
	}
	for _, o := range login.seen(time.Time{}, time.Now()) {
		expected[o.to] = o.taken()
	}
	ours := func(recipient string) bool { return strings.Contains(recipient, "-"+process+"+") }
	err := await("all messages arrive", func() error {
		if _, err := run("", "postqueue", "-f"); err != nil {
			return err
		}
		missing := maps.Clone(expected)
		maps.DeleteFunc(missing, func(_ string, must bool) bool { return !must })
		for _, recipient := range s.world.has(ours) {
			delete(missing, recipient)
		}
		if len(missing) > 0 {
			return fmt.Errorf("%d of %d messages are missing, such as %s", len(missing), len(expected), slices.Sorted(maps.Keys(missing))[0])
		}
		return nil
	})
	if err != nil {
		queue, _ := run("", "postqueue", "-p")
		t.Errorf("%v; queue:\n%s", err, tail(queue, 2000))
	}
	arrived := map[string]int{}
	for _, recipient := range s.world.has(ours) {
		arrived[recipient]++
		if _, ok := expected[recipient]; !ok {
			t.Errorf("a message went to %s", recipient)
		}
		if arrived[recipient] > 1 {
			t.Errorf("%s has the message %d times", recipient, arrived[recipient])
		}
	}
}

// outcomes are counted by reply code.
type outcomes map[int]int

func count(list []outcome) outcomes {
	counted := outcomes{}
	for _, o := range list {
		counted[o.code]++
	}
	return counted
}

func (o outcomes) String() string {
	var words []string
	for _, code := range slices.Sorted(maps.Keys(o)) {
		words = append(words, fmt.Sprintf("%d× %s", o[code], codeWord(code)))
	}
	return strings.Join(words, ", ")
}

func codeWord(code int) string {
	switch code {
	case 0:
		return "closed"
	case 250:
		return "taken"
	}
	return fmt.Sprint(code)
}

// documentedFaults are the rows of the table in docs/operations.md, by their
// first column, without it and what follows the third.
func documentedFaults(t *testing.T) map[string][]string {
	t.Helper()
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs/operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## What the sender sees while something is away\n")
	if !found {
		t.Fatal("docs/operations.md: no section with the table of faults")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	rows := map[string][]string{}
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) < 4 {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows[cells[0]] = cells[1:4]
	}
	return rows
}
