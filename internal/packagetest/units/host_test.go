//go:build integration

package units

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patience is the limit of waiting for what must come.
const patience = time.Minute

// alone are the units of the daemons that run alone.
func alone() []string {
	return []string{"postern-socketmap", "postern-tcptable", "postern-policyd", "postern-srsd"}
}

// must runs a script and returns what it writes, without blanks around.
func must(t *testing.T, script string) string {
	t.Helper()
	out, err := output(script)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// begin starts units for one test, from nothing; the journal from then on is
// printed if the test fails.
func begin(t *testing.T, units ...string) {
	t.Helper()
	stop := "systemctl stop 'postern*.socket' 'postern*.service' postfix; systemctl reset-failed"
	must(t, stop)
	mark := must(t, "date +%s.%N")
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := output("journalctl --sync; journalctl --no-pager -o short-precise --since=@" + mark)
			t.Logf("journal:\n%s", log)
		}
		must(t, stop)
	})
	must(t, "systemctl start "+strings.Join(units, " "))
}

// property is what systemctl show says of a unit.
func property(t *testing.T, unit, name string) string {
	t.Helper()
	return must(t, "systemctl show --value -p "+name+" "+unit)
}

// mainPID is the process of a unit; 0 while there is none.
func mainPID(t *testing.T, unit string) int {
	t.Helper()
	pid, err := strconv.Atoi(property(t, unit, "MainPID"))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// logged waits for text in the journal of a unit.
func logged(t *testing.T, unit, text string) {
	t.Helper()
	await(t, fmt.Sprintf("%q in the journal of %s", text, unit), func() bool {
		log, _ := output("journalctl --sync; journalctl --no-pager -o cat -u " + unit)
		return strings.Contains(log, text)
	})
}

// answers asks Postfix's own client, as Postfix's user.
func answers(t *testing.T, table, key, want string) {
	t.Helper()
	got := must(t, "runuser -u postfix -- postmap -q "+key+" socketmap:unix:/var/spool/postfix/postern/socketmap:"+table)
	if got != want {
		t.Errorf("%s %s: %q, want %q", table, key, got, want)
	}
}
