//go:build integration

package stack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"postern/internal/doctor"
	"postern/internal/mutanttest"
)

// The files that mutate.
const (
	mainFile   = "/etc/postfix/main.cf"
	masterFile = "/etc/postfix/master.cf"
)

// TestMutants takes each line of main.cf and master.cf away in turn, exchanges
// neighbours in lists, and has Postfix work with that until a probe notices.
// What no probe notices has its reason in package mutanttest. The doctor's test
// of the same name is about the same mutants.
//
// The mutants run on Postfix 3.7 alone, and this is no part of the run inside
// Debian 13: they are about what a line does, which the tests of this package
// then show on both. The doctor, who needs the text alone, names each mutant
// for both releases.
func TestMutants(t *testing.T) {
	if release, err := debianRelease(); err != nil || release != 12 {
		t.Logf("Debian %d (%v): the mutants run on Debian 12", release, err)
		return
	}
	s := start(t, options{})
	intact := installed(t)
	all := slices.DeleteFunc(mutanttest.All(intact), func(m mutanttest.Mutant) bool { return m.File == "opendkim.conf" })
	if len(all) < 140 {
		t.Fatalf("%d mutants: the files were not read", len(all))
	}
	s.mutantRows(t, len(all)+2)
	s.anotherName(t)
	defer s.work(t, intact)

	s.allPass(t, 0)
	if t.Failed() {
		return
	}
	before := map[string]bool{}
	for _, f := range s.findings(t) {
		before[f.Check+f.Effect] = true
	}
	expected := unnoticed()
	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	for i, m := range all {
		reason, listed := expected[m.Name]
		delete(expected, m.Name)
		s.work(t, m.Files)
		begin := time.Now()
		killer, found := s.noticed(m, i+1, listed)
		took := time.Since(begin).Round(10 * time.Millisecond)
		switch {
		case killer == "" && !listed:
			t.Errorf("%s: no probe notices", m.Name)
		case killer != "" && listed:
			t.Errorf("%s: %s notices (%v), and it is listed (%s)", m.Name, killer, found, reason)
		}
		if killer == "" {
			killer = "(" + reason + ")"
		}
		kinds := s.diagnosis(t, m, before)
		if _, equal := mutanttest.Equivalents()[m.Name]; (kinds == "") != equal {
			t.Errorf("%s: postern check names it by %q", m.Name, kinds)
		}
		fmt.Fprintf(w, "%.100s\t%.40s\t%v\t%s\t%.100s\n", m.Name, killer, took, kinds, oneLine(fmt.Sprint(found)))
	}
	for name := range expected {
		t.Errorf("%q is listed, and is no mutant", name)
	}
	w.Flush()
	t.Logf("%d mutants:\n%s", len(all), table.String())
	s.work(t, intact)
	s.allPass(t, len(all)+1)
}

// unnoticed are the mutants that no probe may notice, with the reason.
func unnoticed() map[string]string {
	all := mutanttest.Equivalents()
	for name, reason := range mutanttest.Unfelt() {
		all[name] = reason
	}
	return all
}

// battery are all probes; the first are quick and notice much.
func battery() []probe {
	return slices.Concat(port25Probes(), submissionProbes(), mailProbes(), serviceProbes())
}

// allPass runs the whole battery on intact files.
func (s *stack) allPass(t *testing.T, n int) {
	t.Helper()
	p := &prober{s: s, n: n, patience: patience}
	defer p.close()
	for _, each := range battery() {
		begin := time.Now()
		if err := each.try(p); err != nil {
			t.Errorf("probe %s of the intact host: %v", each.name, err)
		}
		if took := time.Since(begin); took > time.Second {
			t.Logf("probe %s takes %v", each.name, took.Round(10*time.Millisecond))
		}
		p.close()
	}
}

// noticed runs the probes that look for this line, then all, and returns the
// first that finds something. A probe that waits in vain has found something;
// where none may, it waits as long as on the intact host.
func (s *stack) noticed(m mutanttest.Mutant, n int, listed bool) (killer string, found error) {
	first, then := 3*time.Second, 10*time.Second
	if listed {
		first, then = patience, patience
	}
	p := &prober{s: s, n: n, patience: first}
	defer p.close()
	likely := lookers(m)
	for _, each := range battery() {
		if slices.Contains(likely, each.name) {
			if err := each.try(p); err != nil {
				return each.name, err
			}
			p.close()
		}
	}
	rest := slices.DeleteFunc(battery(), func(each probe) bool { return each.alone || slices.Contains(likely, each.name) })
	p.patience = then
	return p.together(rest)
}

// findings are those of `postern check` on this host.
func (s *stack) findings(t *testing.T) []doctor.Finding {
	t.Helper()
	out, err := run("", program, "check", "--json") // not clean is an error
	var all []doctor.Finding
	if json.Unmarshal([]byte(out), &all) != nil {
		t.Fatalf("postern check: %v: %s", err, out)
	}
	return all
}

// diagnosis are the kinds of findings that name the mutant.
func (s *stack) diagnosis(t *testing.T, m mutanttest.Mutant, before map[string]bool) string {
	t.Helper()
	var kinds []string
	for _, f := range s.findings(t) {
		named := slices.ContainsFunc(m.Subject, func(subject string) bool { return strings.Contains(f.Check+" "+f.Effect, subject) })
		if named && !before[f.Check+f.Effect] && !slices.Contains(kinds, f.Check) {
			kinds = append(kinds, f.Check)
		}
	}
	return strings.Join(kinds, " ")
}

// installed are the files at their places.
func installed(t *testing.T) mutanttest.Files {
	t.Helper()
	main, err := os.ReadFile(mainFile)
	if err != nil {
		t.Fatal(err)
	}
	master, err := os.ReadFile(masterFile)
	if err != nil {
		t.Fatal(err)
	}
	return mutanttest.Files{Main: string(main), Master: string(master)}
}

// work makes Postfix work with these files, and with an empty queue.
func (s *stack) work(t *testing.T, files mutanttest.Files) {
	t.Helper()
	err := errors.Join(writeConfig(mainFile, files.Main), writeConfig(masterFile, files.Master))
	if err == nil {
		err = s.reload()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// writeConfig writes a file as if a while ago: each program of Postfix waits for
// up to two seconds until main.cf has not changed any more.
func writeConfig(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return err
	}
	past := time.Now().Add(-time.Minute)
	return os.Chtimes(path, past, past)
}

// reload is `postfix reload`, and waits until the processes of before have
// ended. A service that was throttled stays so over a reload, and a master that
// died needs a start.
func (s *stack) reload() error {
	master, running := masterProcess()
	if !running || strings.Contains(s.log.Text()[s.mark:], "throttling") {
		return s.restart(master)
	}
	mark := s.log.Len()
	s.mark = mark
	before := servers(master)
	if err := syscall.Kill(master, syscall.SIGHUP); err != nil {
		return err
	}
	return await("the processes of before end", func() error {
		if !strings.Contains(s.log.Text()[mark:], "reload -- version") {
			return errors.New("master has not reloaded")
		}
		for _, pid := range before {
			if syscall.Kill(pid, 0) == nil {
				return fmt.Errorf("process %d lives", pid)
			}
		}
		return nil
	})
}

// restart ends Postfix at once and starts it.
func (s *stack) restart(master int) error {
	if master > 0 {
		syscall.Kill(-master, syscall.SIGTERM)
		syscall.Kill(master, syscall.SIGTERM)
		if err := await("master ends", func() error {
			if _, running := masterProcess(); running {
				return errors.New("it runs")
			}
			return nil
		}); err != nil {
			return err
		}
	}
	s.mark = s.log.Len()
	_, err := run("", "postfix", "start")
	return err
}

// masterProcess is the process id of master(8), and whether it runs.
func masterProcess() (pid int, running bool) {
	text, err := os.ReadFile("/var/spool/postfix/pid/master.pid")
	if err != nil {
		return 0, false
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		return 0, false
	}
	return pid, syscall.Kill(pid, 0) == nil
}

// servers are the processes of master(8) that end at once when told to. The
// queue manager and pickup(8) take up to two seconds, and read nothing that
// mutates: they hand on what the new ones of the others do.
func servers(master int) []int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", master))
	var pids []int
	for _, word := range strings.Fields(string(text)) {
		name, _ := os.ReadFile("/proc/" + word + "/comm")
		if pid, err := strconv.Atoi(word); err == nil && string(name) != "qmgr\n" && string(name) != "pickup\n" {
			pids = append(pids, pid)
		}
	}
	return pids
}

// anotherName gives the machine a name that is not the one of the MX, as most have.
func (s *stack) anotherName(t *testing.T) {
	t.Helper()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Sethostname([]byte(name)) })
	if err := syscall.Sethostname([]byte("machine.example.org")); err != nil {
		t.Fatal(err)
	}
}
