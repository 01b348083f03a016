//go:build integration

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// newWatchedSRS prepares a `postern srsd -C` with a domains-file.
func newWatchedSRS(t *testing.T, settings ...string) *srsDaemon {
	t.Helper()
	d := newModernSRS(t)
	d.local(t, "home.test")
	d.configurePostSRSd(t, append([]string{`domains-file = "` + d.file("domains") + `"`}, settings...)...)
	return d
}

// local replaces the domains-file, in one step.
func (d *srsDaemon) local(t *testing.T, domains ...string) {
	t.Helper()
	writeFile(t, d.file("domains.new"), strings.Join(domains, "\n")+"\n")
	if err := os.Rename(d.file("domains.new"), d.file("domains")); err != nil {
		t.Fatal(err)
	}
}

const stays = "NOTFOUND Need not rewrite local domain."

// steadySRS is questions whose answers no reload changes. Half of the askers
// make a connection per question.
func (d *srsDaemon) steadySRS(t *testing.T, n int) (kept []*asker, s *stream) {
	t.Helper()
	a := d.map2Asker()
	defer a.close()
	made := a.rewritten(t, "forward", "friend@far.test")
	askers := make([]*asker, n)
	for i := range askers {
		if askers[i] = d.map2Asker(); i%2 == 0 {
			kept = append(kept, askers[i])
		}
		askers[i].brief = i%2 == 1
	}
	return kept, startStream(askers, func(i int) question {
		return []question{
			{"forward", "me@home.test", []string{stays}},
			{"forward", "friend@far.test", []string{"OK " + made}},
			{"reverse", made, []string{"OK friend@far.test"}},
			{"reverse", forged(made), []string{"NOTFOUND Hash invalid in SRS address."}},
		}[i%4]
	})
}

// TestPostSRSdReloads sends SIGHUP with questions coming: none is lost, none
// answered wrongly, no connection dropped, and whoever stays connected is
// answered by the new domains.
func TestPostSRSdReloads(t *testing.T) {
	d := newWatchedSRS(t).begin(t)
	kept, s := d.steadySRS(t, 6)
	idle := make([]*asker, 4)
	for i := range idle {
		idle[i] = d.map2Asker()
		defer idle[i].close()
		idle[i].must(t, "forward", "x@switch.test")
	}
	for i := range 7 {
		s.flows(t, 60)
		want := "OK"
		if d.local(t, "home.test"); i%2 == 0 {
			d.local(t, "home.test", "switch.test")
			want = stays
		}
		d.reload(t, "msg=reloaded")
		for n, a := range idle {
			if got := a.must(t, "forward", "x@switch.test"); got != want && status(got) != want {
				t.Errorf("reload %d, connection %d: %q, want %q", i, n, got, want)
			}
		}
	}
	t.Run("a bad file", func(t *testing.T) {
		d.local(t, "home.test", "switch.test", "no domain, this")
		d.reload(t, "reload failed, the old configuration stays")
		if got := idle[0].must(t, "forward", "x@switch.test"); got != stays {
			t.Errorf("after a bad domains-file: %q", got)
		}
	})
	s.flows(t, 60)
	for _, a := range append(kept, idle...) {
		if a.dials != 1 {
			t.Errorf("a connection was dropped %d times", a.dials-1)
		}
	}
	t.Run("many times", func(t *testing.T) { // more than there can be workers that leave
		d.local(t, "home.test")
		for range 12 {
			s.flows(t, 20)
			d.reload(t, "msg=reloaded")
		}
	})
	s.stop(t, "reloads of -C")
}

// TestSRSMilterReloads sends SIGHUP within SMTP sessions that last, also in the
// middle of a message: Postfix's connection to the milter outlives it.
func TestSRSMilterReloads(t *testing.T) {
	for _, d := range []*srsDaemon{newNativeSRS(t, ""), newWatchedSRS(t)} {
		h := startSRSHost(t, "", milterWiring(d.begin(t)))
		s := h.session(t)
		for range 3 {
			mark := newSubject()
			s.want("MAIL FROM:<friend@far.test>", "250")
			d.reload(t, "msg=reloaded")
			s.want("RCPT TO:<info@fwd.test>", "250")
			d.reload(t, "msg=reloaded")
			s.body(mark, "250")
			wantRewritten(t, h.comes(t, mark), "SRS0", "=far.test=friend")
			d.reload(t, "msg=reloaded")
		}
	}
}

// TestPostSRSdWorkerKilled kills the worker with questions coming. The parent
// starts another, and who comes meanwhile waits.
func TestPostSRSdWorkerKilled(t *testing.T) {
	d := newWatchedSRS(t).begin(t)
	_, s := d.steadySRS(t, 6)
	for range 3 {
		s.flows(t, 100)
		old := d.worker(t)
		if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		d.await(t, "another worker serves", func() bool { pids := d.workers(t); return len(pids) == 1 && pids[0] != old })
	}
	s.flows(t, 100)
	s.stop(t, "killed workers")
	d.awaitReady(t)
}

// workers are the processes that the daemon has started.
func (d *srsDaemon) workers(t *testing.T) (pids []int) {
	t.Helper()
	parent := d.process.cmd.Process.Pid
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, _ := os.ReadFile(file) // a thread that has ended
		for _, field := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(pids)))
}

// worker is the only one.
func (d *srsDaemon) worker(t *testing.T) (pid int) {
	t.Helper()
	d.await(t, "there is one worker", func() bool {
		pids := d.workers(t)
		if len(pids) == 1 {
			pid = pids[0]
		}
		return len(pids) == 1
	})
	return pid
}

// TestPostSRSdConfined: the worker is user nobody in an empty folder and cannot
// read the secrets. A reload has them read again all the same.
func TestPostSRSdConfined(t *testing.T) {
	d := newWatchedSRS(t).begin(t)
	pid := d.worker(t)
	if root, err := os.Readlink(fmt.Sprintf("/proc/%d/root", pid)); root != d.file("jail") {
		t.Errorf("root of the worker: %s, %v", root, err)
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for _, line := range []string{"Uid:\t65534\t65534\t65534\t65534", "Gid:\t65534\t65534\t65534\t65534", "CapEff:\t0000000000000000", "Groups:\t \n"} {
		if err != nil || !strings.Contains(string(text), line) {
			t.Errorf("status of the worker lacks %q (%v)", line, err)
		}
	}
	a := d.map2Asker()
	defer a.close()
	made := a.rewritten(t, "forward", "friend@far.test")
	writeSecrets(t, d.secrets(), "another secret\n"+srsSecret)
	d.reload(t, "msg=reloaded")
	fresh := a.rewritten(t, "forward", "friend@far.test")
	if fresh == made {
		t.Error("the new secret does not sign")
	}
	for _, address := range []string{made, fresh} {
		if got := a.must(t, "reverse", address); got != "OK friend@far.test" {
			t.Errorf("%s: %q", address, got)
		}
	}
	for _, spoiled := range []struct {
		complaint string
		spoil     func(path string) error
	}{
		{"no such file", os.Remove},
		{"holds no secret", func(path string) error { return os.WriteFile(path, nil, 0o600) }},
	} {
		if err := spoiled.spoil(d.secrets()); err != nil {
			t.Fatal(err)
		}
		d.reload(t, spoiled.complaint)
		if got := a.rewritten(t, "forward", "friend@far.test"); got != fresh {
			t.Errorf("%s: %s was %s before", spoiled.complaint, got, fresh)
		}
	}
	// PostSRSd takes what all can read. Here it is a warning.
	writeSecrets(t, d.secrets(), srsSecret)
	if err := os.Chmod(d.secrets(), 0o644); err != nil {
		t.Fatal(err)
	}
	d.reload(t, "msg=reloaded")
	if !strings.Contains(lastLine(d.log(), "a secret that all can read is none"), "level=WARN") {
		t.Error("no warning of a secret that all can read")
	}
	if got := a.rewritten(t, "forward", "friend@far.test"); got != made {
		t.Errorf("with the first secret: %s was %s before", got, made)
	}
}

// TestPostSRSdWatches: with domains-file-watch an edited file counts without
// anybody telling.
func TestPostSRSdWatches(t *testing.T) {
	d := newWatchedSRS(t, "domains-file-watch = on").begin(t)
	a := d.map2Asker()
	defer a.close()
	becomes := func(what, want string) {
		t.Helper()
		d.await(t, what, func() bool {
			got := a.must(t, "forward", "x@switch.test")
			return got == want || status(got) == want
		})
	}
	becomes("not local", "OK")
	d.local(t, "home.test", "switch.test")
	becomes("replaced", stays)
	writeFile(t, d.file("domains"), "home.test\n")
	becomes("written in place", "OK")
	if err := os.Remove(d.file("domains")); err != nil {
		t.Fatal(err)
	}
	writeFile(t, d.file("domains"), "switch.test\n")
	becomes("made again", stays)
	writeFile(t, d.file("domains"), "no domain, this\n")
	d.await(t, "the log complains", func() bool { return strings.Contains(d.log(), "reload failed, the old configuration stays") })
	becomes("bad", stays)
	if a.dials != 1 {
		t.Errorf("the connection was dropped %d times", a.dials-1)
	}
}
