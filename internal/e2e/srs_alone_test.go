//go:build integration

package e2e

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"postern/internal/scratch"
)

// nobody is the user without any right.
var nobody = &syscall.Credential{Uid: 65534, Gid: 65534}

// srsPair is an SRS daemon and a socketmap daemon with the same blocks of
// configuration, each a process of its own. The second is user nobody, who
// cannot read the secrets.
type srsPair struct{ srs, maps *srsDaemon }

func newSRSPair(t *testing.T) srsPair {
	t.Helper()
	srs := newNativeSRS(t, "")
	maps := &srsDaemon{daemon: newFolderDaemon(t)}
	makeSQLite(t, maps.file("postern.db"), srsRows)
	for _, path := range []string{maps.dir, maps.file("postern.db")} {
		if err := os.Chown(path, int(nobody.Uid), int(nobody.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	blocks := srs.blocks + "database: {driver: sqlite, path: " + maps.file("postern.db") + ", connect_timeout: 1s, statement_timeout: 1s}\n"
	maps.configure(t, blocks)
	maps.args, maps.user = []string{"socketmap", "--config", maps.config()}, nobody
	srs.inet, srs.unix = maps.inet, maps.unix // so that it asks for aliases there
	srs.configure(t, blocks)
	srs.args = []string{"srsd", "--config", srs.config()}
	return srsPair{srs, maps}
}

// TestSRSDaemonAlone: only the SRS daemon has the secrets. The socketmap daemon
// asks it for SRS, and it asks the socketmap daemon where aliases lead.
func TestSRSDaemonAlone(t *testing.T) {
	p := newSRSPair(t)
	p.maps.begin(t)
	p.srs.begin(t)
	t.Run("the other cannot read the secrets", func(t *testing.T) {
		cmd := exec.CommandContext(t.Context(), shared.binary, "serve", "--config", p.maps.config())
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: nobody}
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), p.srs.secrets()+": permission denied") {
			t.Errorf("serve as nobody: %v, %s", err, out)
		}
	})
	a := p.maps.asker()
	defer a.close()
	made := a.rewritten(t, "srs-forward", "friend@far.test")
	if direct := p.srs.map2Asker().rewritten(t, "srs-forward", "friend@far.test"); made != direct {
		t.Errorf("asked through the socketmap daemon %q, directly %q", made, direct)
	}
	h, milted := startSRSHost(t, "", mapsWiring(p.maps)), startSRSHost(t, "", milterWiring(p.srs))
	t.Run("by maps", func(t *testing.T) {
		testCircle(t, h, srsWiring{forgery: "its signature is wrong"})
	})
	t.Run("by milter", func(t *testing.T) {
		testCircle(t, milted, srsWiring{milter: true, walks: true, forgery: "its signature is wrong"})
	})
	s := startStream(p.maps.askers(4), func(i int) question {
		return []question{{"virtual", "Info@fwd.test", []string{"OK owner@dest.test"}}, {"virtual-domains", "far.test", []string{"NOTFOUND"}}}[i%2]
	})
	t.Run("killed", func(t *testing.T) {
		p.srs.kill()
		p.testAway(t, h, made)
		milted.refuses(t, "friend@far.test", "info@fwd.test", "451 4.7.1")
		p.srs.begin(t)
		p.testBack(t, h, milted, made)
	})
	t.Run("hanging", func(t *testing.T) {
		p.srs.process.hangs(t, func() { p.testAway(t, h, made) })
		p.testBack(t, h, milted, made)
	})
	t.Run("without aliases", func(t *testing.T) {
		p.maps.process.hangs(t, func() { milted.refuses(t, "friend@far.test", "stays@fwd.test", "451") })
		wantEnvelope(t, milted.forwards(t, "friend@far.test", "stays@fwd.test"), "friend@far.test", "box@home.test")
	})
	s.flows(t, 50)
	s.stop(t, "aliases")
}

// testAway: without the SRS daemon everything about SRS is temporary, and
// nothing else.
func (p srsPair) testAway(t *testing.T, h *srsHost, made string) {
	t.Helper()
	a := p.maps.asker()
	defer a.close()
	for _, q := range []question{
		{"srs-forward", "friend@far.test", []string{"TEMP", "TIMEOUT"}}, {"srs-reverse", made, []string{"TEMP", "TIMEOUT"}}, {"srs-recipients", made, []string{"TEMP", "TIMEOUT"}},
		{"virtual", "stays@fwd.test", []string{"OK box@home.test"}},
		{"srs-reverse", "stays@fwd.test", []string{"NOTFOUND Not an SRS address."}}, {"srs-recipients", "stays@fwd.test", []string{"NOTFOUND "}},
	} {
		if got := a.must(t, q.name, q.key); !q.accepts(got) {
			t.Errorf("%s %s: %q, want %q", q.name, q.key, got, q.right)
		}
	}
	wantRcpt(t, h.mta.Addr(), "", made, "451 4.3.5")
	wantRcpt(t, h.mta.Addr(), "", forged(made), "451 4.3.5")
	wantRcpt(t, h.mta.Addr(), "friend@far.test", "victim@far.test", "554 5.7.1")
}

// testBack: with the SRS daemon back, all is as before.
func (p srsPair) testBack(t *testing.T, h, milted *srsHost, made string) {
	t.Helper()
	a := p.maps.asker()
	defer a.close()
	eventually(t, "the maps of SRS answer again", func() bool { return a.must(t, "srs-reverse", made) == "OK friend@far.test" })
	wantEnvelope(t, h.forwards(t, "", made), "", "friend@far.test")
	wantEnvelope(t, milted.forwards(t, "", made), "", "friend@far.test")
	wantRewritten(t, milted.forwards(t, "friend@far.test", "info@fwd.test"), "SRS0", "=far.test=friend")
	h.refuses(t, "", forged(made), "550 5.1.1")
}

// hangs does something while the process answers nobody.
func (p *process) hangs(t *testing.T, do func()) {
	t.Helper()
	mustDo(t, scratch.Freeze(p.cmd.Process.Pid))
	defer func() { mustDo(t, p.cmd.Process.Signal(syscall.SIGCONT)) }()
	do()
}
