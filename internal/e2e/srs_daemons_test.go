//go:build integration

package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// srsSecret is the secret of all SRS daemons here.
const srsSecret = "a secret of the tests\n"

// srsDomain is their SRS domain. Senders of home.test stay as they are.
const srsDomain = "srs.test"

// writeSecrets writes a secrets file that nobody else may read.
func writeSecrets(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
}

// srsDaemon is a daemon and where it answers for SRS. What a daemon does not
// serve is empty.
type srsDaemon struct {
	*daemon
	forward, reverse string // HOST:PORT of tcp tables
	map2             string // of a socketmap with the maps of PostSRSd 2.x
	milter           string
}

// secrets is the daemon's secrets file.
func (d *srsDaemon) secrets() string { return filepath.Join(d.dir, "secret") }

// newNativeSRS prepares a `postern serve` with an srsd block; in more {dir}
// stands for its folder, and settings are further lines of the block.
func newNativeSRS(t *testing.T, more string, settings ...string) *srsDaemon {
	t.Helper()
	d := &srsDaemon{newFolderDaemon(t), freeAddr(t), freeAddr(t), freeAddr(t), freeAddr(t)}
	writeSecrets(t, d.secrets(), srsSecret)
	block := fmt.Sprintf("srsd:\n  domain: %s\n  secrets_file: %s\n  forward: inet:%s\n  reverse: inet:%s\n  socketmap: inet:%s\n  milter: inet:%s\n  local_domains: [home.test]\n",
		srsDomain, d.secrets(), d.forward, d.reverse, d.map2, d.milter)
	for _, line := range settings {
		block += "  " + line + "\n"
	}
	d.configure(t, block+more)
	return d
}

// startNativeSRS starts one.
func startNativeSRS(t *testing.T, more string, settings ...string) *srsDaemon {
	t.Helper()
	d := newNativeSRS(t, more, settings...)
	d.start(t)
	d.awaitReady(t)
	return d
}

// newClassicSRS prepares a `postern srsd --defaults`, as user nobody in a
// folder of his own.
func newClassicSRS(t *testing.T) *srsDaemon {
	t.Helper()
	d := &srsDaemon{daemon: newFolderDaemon(t), forward: freeAddr(t), reverse: freeAddr(t)}
	writeSecrets(t, d.secrets(), srsSecret)
	_, forward, _ := net.SplitHostPort(d.forward)
	_, reverse, _ := net.SplitHostPort(d.reverse)
	writeFile(t, d.file("defaults"), fmt.Sprintf("SRS_DOMAIN=%s\nSRS_SECRET=%s\nSRS_LISTEN_ADDR=127.0.0.1\nSRS_FORWARD_PORT=%s\nSRS_REVERSE_PORT=%s\nSRS_EXCLUDE_DOMAINS=home.test\nRUN_AS=nobody\nCHROOT=%s\n",
		srsDomain, d.secrets(), forward, reverse, d.jail(t)))
	d.args = []string{"srsd", "--metrics", "inet:" + d.metrics, "--defaults", d.file("defaults")}
	d.endBySignal(t)
	return d
}

// newModernSRS prepares a `postern srsd -C`, as user nobody in a folder of his
// own; settings are further lines of postsrsd.conf.
func newModernSRS(t *testing.T, settings ...string) *srsDaemon {
	t.Helper()
	d := &srsDaemon{daemon: newFolderDaemon(t), map2: freeAddr(t), milter: freeAddr(t)}
	writeSecrets(t, d.secrets(), srsSecret)
	d.configurePostSRSd(t, settings...)
	d.args = []string{"srsd", "--metrics", "inet:" + d.metrics, "-C", d.file("postsrsd.conf")}
	d.endBySignal(t)
	return d
}

// configurePostSRSd writes postsrsd.conf.
func (d *srsDaemon) configurePostSRSd(t *testing.T, settings ...string) {
	t.Helper()
	writeFile(t, d.file("postsrsd.conf"), fmt.Sprintf("srs-domain = \"%s\"\nsecrets-file = \"%s\"\nsocketmap = \"inet:%s\"\nmilter = \"inet:%s\"\nunprivileged-user = \"nobody\"\nchroot-dir = \"%s\"\n%s\n",
		srsDomain, d.secrets(), d.map2, d.milter, d.jail(t), strings.Join(settings, "\n")))
}

func (d *srsDaemon) file(name string) string { return filepath.Join(d.dir, name) }

// jail is an empty folder to be the root of a worker.
func (d *srsDaemon) jail(t *testing.T) string {
	t.Helper()
	if err := os.Mkdir(d.file("jail"), 0o755); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	return d.file("jail")
}

// endBySignal ends a parent and its workers as a service manager does, before
// the daemon would be killed.
func (d *srsDaemon) endBySignal(t *testing.T) {
	t.Cleanup(func() {
		if d.process == nil {
			return
		}
		if err := d.process.end(syscall.SIGTERM); err != nil && !strings.Contains(err.Error(), "signal: killed") {
			t.Errorf("postern after SIGTERM: %v", err)
		}
	})
}

// begin starts the daemon and waits until it answers.
func (d *srsDaemon) begin(t *testing.T) *srsDaemon {
	t.Helper()
	d.start(t)
	d.awaitReady(t)
	return d
}

// map2Asker asks the maps of PostSRSd 2.x.
func (d *srsDaemon) map2Asker() *asker { return &asker{network: "tcp", addr: d.map2} }

// rewritten is what the map of that name makes of a sender.
func (a *asker) rewritten(t *testing.T, name, address string) string {
	t.Helper()
	reply := a.must(t, name, address)
	value, found := strings.CutPrefix(reply, "OK ")
	if !found {
		t.Fatalf("%s %s: %q", name, address, reply)
	}
	return value
}

// forged is an SRS address with another signature.
func forged(address string) string {
	first := "A"
	if strings.EqualFold(address[5:6], first) {
		first = "B"
	}
	return address[:5] + first + address[6:]
}
