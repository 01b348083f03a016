//go:build integration

package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hold opens the daemon's sockets in this process and has them handed over to
// every life of it, as a socket unit of systemd does.
func (d *daemon) hold(t *testing.T) {
	t.Helper()
	for _, at := range [][2]string{{"tcp", d.inet}, {"unix", d.unix}} {
		ln, err := net.Listen(at[0], at[1])
		if err != nil {
			t.Fatal(err)
		}
		file, err := ln.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		if u, ok := ln.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false)
		}
		ln.Close() // the file is another descriptor of the same socket
		t.Cleanup(func() { file.Close() })
		d.held = append(d.held, file)
	}
}

// restartDaemon is one over an embedded store, not started yet.
func restartDaemon(t *testing.T) *daemon {
	t.Helper()
	dir := openFolder(t)
	makeSQLite(t, filepath.Join(dir, "postern.db"), forwardingRows)
	writeFile(t, filepath.Join(dir, "office"), numberedRows("m%[1]d@fwd.test t%[1]d@dest.test\n", 1000))
	return newDaemon(t, "database: {driver: sqlite, path: "+dir+"/postern.db}\nmaps: {office: {file: "+dir+"/office, search: virtual}}\n")
}

// numberedRows formats the numbers from 0 to n-1.
func numberedRows(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// steady is questions whose answers never change.
func steady(i int) question {
	switch i % 4 {
	case 0:
		return question{"virtual", "Info+X@fwd.test", []string{"OK owner+X@dest.test"}}
	case 1:
		return question{"office", fmt.Sprintf("m%d@fwd.test", i%1000), []string{fmt.Sprintf("OK t%d@dest.test", i%1000)}}
	case 2:
		return question{"sender-login-maps", "team@fwd.test", []string{"OK alice,bob"}}
	default:
		return question{"virtual-domains", "foreign.test", []string{"NOTFOUND"}}
	}
}

// TestRestart: the process is stopped and killed with questions coming, and
// whoever holds its sockets starts it again. No question is lost.
func TestRestart(t *testing.T) {
	for _, test := range []struct {
		name string
		sig  syscall.Signal
		gap  time.Duration // until the next life begins
	}{
		{"SIGTERM", syscall.SIGTERM, 0},
		{"SIGKILL", syscall.SIGKILL, 300 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := restartDaemon(t)
			d.hold(t)
			d.start(t)
			d.awaitReady(t)
			s := startStream(d.askers(8), steady)
			for range 4 {
				s.flows(t, 200)
				if err := d.process.end(test.sig); test.sig == syscall.SIGTERM && err != nil {
					t.Errorf("after SIGTERM: %v", err)
				}
				time.Sleep(test.gap)
				d.launch(t)
			}
			s.flows(t, 200)
			s.stop(t, "restarts by "+test.name)
		})
	}
}

// TestSecondProcess: without anybody who holds the sockets, the next process
// listens on the same port before the last one leaves. Connections last here,
// as Postfix's do: the kernel resets a handshake that meets the very instant in
// which one of two listeners closes, so only held sockets refuse nobody at all.
func TestSecondProcess(t *testing.T) {
	d := restartDaemon(t)
	d.start(t)
	d.awaitReady(t)
	var askers []*asker
	for range 8 {
		askers = append(askers, d.asker())
	}
	s := startStream(askers, steady)
	for i := range 4 {
		s.flows(t, 200)
		old := d.process
		d.unix = filepath.Join(d.dir, fmt.Sprintf("map%d", i)) // a unix socket has one listener
		d.metrics = freeRow(t)
		d.configure(t, d.blocks)
		d.start(t)
		d.awaitReady(t)
		if err := old.end(syscall.SIGTERM); err != nil {
			t.Errorf("after SIGTERM: %v", err)
		}
	}
	s.flows(t, 200)
	s.stop(t, "successors on the same port")
}

// TestReloadUnderLoad: SIGHUP takes a good configuration, keeps the old one
// if the new one is bad, and nobody notices.
func TestReloadUnderLoad(t *testing.T) {
	d := restartDaemon(t)
	d.start(t)
	d.awaitReady(t)
	good := d.blocks
	s := startStream(d.askers(8), steady)
	a := d.asker()
	defer a.close()
	for i := range 3 {
		s.flows(t, 100)
		more := fmt.Sprintf("more%d", i)
		d.configure(t, good+strings.Replace("cache: {ttl: 10s}\n", "10", fmt.Sprint(10+i), 1))
		text := strings.Replace(good, "maps: {", "maps: {"+more+": {of: [office], search: virtual}, ", 1)
		d.configure(t, text)
		d.reload(t, "msg=reloaded")
		if got := a.must(t, more, "m1@fwd.test"); got != "OK t1@dest.test" {
			t.Errorf("the new map answers %q", got)
		}
		for _, bad := range []struct{ text, complaint string }{
			{"cache: {tll: 1s}\n" + good, "ttl"},
			{strings.Replace(good, "driver: sqlite", "driver: sqlight", 1), "sqlite"},
			{good + "recipient_delimiter: [\n", "postern.yaml"},
			{strings.Replace(good, "/office,", "/office, cf: /no/such/file.cf,", 1), "exactly one"},
			{strings.Replace(good, "maps: {", "maps: {x: {cf: /no/such/file.cf}, ", 1), "/no/such/file.cf"},
		} {
			d.configure(t, bad.text)
			d.reload(t, bad.complaint)
			if got := a.must(t, more, "m2@fwd.test"); got != "OK t2@dest.test" {
				t.Errorf("after a bad configuration the map answers %q", got)
			}
			if last := d.metric(t, "postern_config_last_reload_successful"); last != 0 {
				t.Errorf("postern_config_last_reload_successful is %v after %q", last, bad.text)
			}
		}
		d.configure(t, good)
		d.reload(t, "msg=reloaded")
		eventually(t, "the dropped map is unknown", func() bool { return strings.HasPrefix(a.must(t, more, "m1@fwd.test"), "PERM ") })
	}
	s.stop(t, "reloads")
}

// TestSocketActivation: systemd's own program hands the sockets over at the
// first question.
func TestSocketActivation(t *testing.T) {
	d := restartDaemon(t)
	log, err := os.Create(filepath.Join(d.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("systemd-socket-activate", "-l", d.inet, "-l", d.unix, shared.binary, "serve", "--config", d.config())
	cmd.Stderr = log
	if d.process, err = startProcess(cmd); err != nil {
		t.Fatal(err)
	}
	d.await(t, "systemd-socket-activate listens", func() bool { return strings.Contains(d.log(), "Listening on "+d.unix) })
	for i, a := range []*asker{d.asker(), d.unixAsker(), d.asker()} {
		q := steady(i)
		if got := a.must(t, q.name, q.key); !q.accepts(got) {
			t.Errorf("%s %s: %q, right is %q", q.name, q.key, got, q.right)
		}
		a.close()
	}
	d.stop(t)
}
