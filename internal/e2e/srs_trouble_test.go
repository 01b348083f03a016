//go:build integration

package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

// TestSRSSecretsAtReload spoils the secrets file in every way: the daemon goes
// on with the secrets it has, and says what is wrong.
func TestSRSSecretsAtReload(t *testing.T) {
	d := startNativeSRS(t, "")
	a := d.asker()
	defer a.close()
	made := a.rewritten(t, "srs-forward", "friend@far.test")
	for _, spoiled := range []struct {
		name, complaint string
		spoil           func(path string) error
	}{
		{"gone", "no such file", os.Remove},
		{"empty", "holds no secret", func(path string) error { return os.WriteFile(path, nil, 0o600) }},
		{"blank lines", "holds no secret", func(path string) error { return os.WriteFile(path, []byte("\n\r\n"), 0o600) }},
		{"a NUL", "NUL", func(path string) error { return os.WriteFile(path, []byte("new\x00secret\n"), 0o600) }},
		{"no secret of today", "every date is in the future", func(path string) error { return os.WriteFile(path, []byte("2999-01-01 later\n"), 0o600) }},
		{"open to all", "chmod o=", func(path string) error { return os.Chmod(path, 0o604) }},
		{"a directory", "is a directory", func(path string) error { return os.Mkdir(path, 0o700) }},
	} {
		t.Run(spoiled.name, func(t *testing.T) {
			if spoiled.name == "a directory" {
				os.Remove(d.secrets())
			}
			if err := spoiled.spoil(d.secrets()); err != nil {
				t.Fatal(err)
			}
			d.reload(t, "reload failed, the old configuration stays")
			if !strings.Contains(lastLine(d.log(), "reload failed"), spoiled.complaint) {
				t.Errorf("the log says %s, want %q", lastLine(d.log(), "reload failed"), spoiled.complaint)
			}
			if last := d.metric(t, "postern_config_last_reload_successful"); last != 0 {
				t.Errorf("postern_config_last_reload_successful is %v", last)
			}
			if got := a.must(t, "srs-reverse", made); got != "OK friend@far.test" {
				t.Errorf("an address from before: %q", got)
			}
			if again := a.rewritten(t, "srs-forward", "friend@far.test"); again != made {
				t.Errorf("%s was %s before", again, made)
			}
			os.RemoveAll(d.secrets())
			writeSecrets(t, d.secrets(), srsSecret)
		})
	}
	writeSecrets(t, d.secrets(), "another secret\n"+srsSecret)
	d.reload(t, "msg=reloaded")
	if last := d.metric(t, "postern_config_last_reload_successful"); last != 1 {
		t.Errorf("postern_config_last_reload_successful is %v after a good secrets file", last)
	}
	if fresh := a.rewritten(t, "srs-forward", "friend@far.test"); fresh == made {
		t.Error("the new secret does not sign")
	}
	if got := a.must(t, "srs-reverse", made); got != "OK friend@far.test" {
		t.Errorf("the old secret does not verify: %q", got)
	}
	for _, secret := range []string{"another secret", strings.TrimSpace(srsSecret), "new\x00secret", "later"} {
		if strings.Contains(d.log(), secret) {
			t.Errorf("the log tells the secret %q", secret)
		}
	}
}

// lastLine is the last line with a text in it.
func lastLine(log, text string) (last string) {
	for line := range strings.Lines(log) {
		if strings.Contains(line, text) {
			last = line
		}
	}
	return last
}

// storeTrouble is a host whose store of senders has its trouble: what was
// stored before it, and what is asked meanwhile.
type storeTrouble struct {
	d      *srsDaemon
	h      *srsHost
	stored string // address of longSender
	made   string // address that embeds its sender
	n      int
}

func startStoreTrouble(t *testing.T, d *srsDaemon) *storeTrouble {
	t.Helper()
	s := &storeTrouble{d: d, h: startSRSHost(t, "", mapsWiring(d))}
	s.stored = s.h.forwards(t, longSender, "info@fwd.test").Sender
	s.made = s.h.forwards(t, "friend@far.test", "info@fwd.test").Sender
	return s
}

// fresh is a long sender that was never seen before.
func (s *storeTrouble) fresh() string {
	s.n++
	return fmt.Sprintf("%d.%s", s.n, longSender)
}

// during: what fits into an address goes on, and what needs the store is
// temporary; readable says that stored senders can still be read.
func (s *storeTrouble) during(t *testing.T, complaint string, readable bool) {
	t.Helper()
	wantRewritten(t, s.h.forwards(t, "friend@far.test", "info@fwd.test"), "SRS0", "=far.test=friend")
	wantEnvelope(t, s.h.forwards(t, "", s.made), "", "friend@far.test")
	wantRcpt(t, s.h.mta.Addr(), "", forged(s.made), "550 5.1.1 … signature")
	a := s.d.asker()
	defer a.close()
	if got := a.must(t, "srs-forward", s.fresh()); status(got) != "TEMP" && status(got) != "TIMEOUT" || !strings.Contains(got, complaint) {
		t.Errorf("a sender that needs the store: %q, want TEMP … %s", got, complaint)
	}
	s.h.refuses(t, s.fresh(), "info@fwd.test", "451 4.3.0")
	if readable {
		wantEnvelope(t, s.h.forwards(t, "", s.stored), "", longSender)
		return
	}
	wantRcpt(t, s.h.mta.Addr(), "", s.stored, "451 4.3.5")
}

// after: the store is there again, and so is what was in it.
func (s *storeTrouble) after(t *testing.T) {
	t.Helper()
	a := s.d.asker()
	defer a.close()
	eventually(t, "the store takes senders again", func() bool { return status(a.must(t, "srs-forward", s.fresh())) == "OK" })
	wantEnvelope(t, s.h.forwards(t, "", s.stored), "", longSender)
	sender := s.fresh()
	wantEnvelope(t, s.h.forwards(t, "", s.h.forwards(t, sender, "info@fwd.test").Sender), "", sender)
}

// srsTroubleBlocks have the daemon wait for its store no longer than need be.
const srsTroubleBlocks = "database: {driver: sqlite, path: {dir}/postern.db, connect_timeout: 1s, statement_timeout: 1s}\n"

// TestSRSStoreLocked: another program has the SQLite file locked.
func TestSRSStoreLocked(t *testing.T) {
	d := newNativeSRS(t, srsTroubleBlocks, "store: sqlite:{dir}/senders.db")
	makeSQLite(t, d.file("postern.db"), srsRows)
	s := startStoreTrouble(t, d.begin(t))
	unlock := lockSQLite(t, d.file("senders.db"))
	s.during(t, "locked by another program", false)
	t.Run("at a start", func(t *testing.T) {
		d.stop(t)
		d.begin(t)
		s.during(t, "locked by another program", false)
	})
	unlock()
	s.after(t)
}

// lockSQLite has a file locked by another process until unlock.
func lockSQLite(t *testing.T, path string) (unlock func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "E2E_HELPER=lock "+path)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := startProcess(cmd)
	if err != nil {
		t.Fatal(err)
	}
	unlock = func() {
		stdin.Close()
		<-p.done
	}
	t.Cleanup(unlock)
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "locked\n" {
		t.Fatalf("lock: %q, %v", line, err)
	}
	return unlock
}

// TestSRSStoreDiskFull: the disk under the SQLite file is full.
func TestSRSStoreDiskFull(t *testing.T) {
	disk := smallDisk(t, "256k")
	d := newNativeSRS(t, srsTroubleBlocks, "store: sqlite:"+disk+"/senders.db")
	makeSQLite(t, d.file("postern.db"), srsRows)
	s := startStoreTrouble(t, d.begin(t))
	filler := scratchtest.FillDisk(t, disk)
	s.during(t, "the disk is full", true)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	s.after(t)
}

// TestSRSStoreRedis: the Redis server is killed and comes back, also while the
// daemon starts.
func TestSRSStoreRedis(t *testing.T) {
	redis := scratchtest.Redis(t, scratch.RedisOptions{Args: []string{"--appendonly", "yes", "--appendfsync", "always"}}) // it forgets nothing
	d := newNativeSRS(t, srsTroubleBlocks, "store: redis://"+redis.Addr()+"/3")
	makeSQLite(t, d.file("postern.db"), srsRows)
	s := startStoreTrouble(t, d.begin(t))
	redis.Kill()
	s.during(t, "", false)
	t.Run("at a start", func(t *testing.T) {
		d.stop(t)
		d.begin(t)
		s.during(t, "", false)
	})
	mustDo(t, redis.Start(t.Context()))
	s.after(t)
	t.Run("hanging", func(t *testing.T) {
		mustDo(t, redis.Pause())
		s.during(t, "", false)
		mustDo(t, redis.Resume())
		s.after(t)
	})
}
