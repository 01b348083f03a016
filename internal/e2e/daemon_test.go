//go:build integration

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is the limit of waiting for what must come.
const patience = 2 * time.Minute

// daemon is a `postern serve`, or what args say, with a folder of its own.
type daemon struct {
	args    []string            // of postern; nil: serve with config()
	env     []string            // beside ours
	user    *syscall.Credential // nil: ours
	dir     string              // postern.yaml, state, control, log
	blocks  string              // of postern.yaml, beside those below
	inet    string              // HOST:PORT of the socketmap
	unix    string              // path of the socketmap
	metrics string              // HOST:PORT in the configuration, the first of five; see watched
	held    []*os.File
	process *process
}

// process is one life of a daemon.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // valid after done
}

// newDaemon prepares a daemon; in blocks {dir} stands for its folder.
func newDaemon(t *testing.T, blocks string) *daemon {
	t.Helper()
	d := newFolderDaemon(t)
	d.configure(t, blocks)
	return d
}

// newFolderDaemon prepares one that has no configuration yet.
func newFolderDaemon(t *testing.T) *daemon {
	t.Helper()
	dir := openFolder(t)
	d := &daemon{dir: dir, unix: filepath.Join(dir, "map"), inet: freeAddr(t), metrics: freeRow(t)}
	t.Cleanup(func() {
		d.kill()
		if t.Failed() {
			t.Logf("log of postern:\n%s", tail(d.log(), 6000))
		}
	})
	return d
}

// startDaemon starts one and waits until it can answer.
func startDaemon(t *testing.T, blocks string) *daemon {
	t.Helper()
	d := newDaemon(t, blocks)
	d.start(t)
	d.awaitReady(t)
	return d
}

// configure writes postern.yaml.
func (d *daemon) configure(t *testing.T, blocks string) {
	t.Helper()
	d.blocks = strings.ReplaceAll(blocks, "{dir}", d.dir)
	text := d.blocks + fmt.Sprintf("\nsocketmap: {listen: [\"inet:%s\", {at: \"unix:%s\", mode: 0666}]}\n"+
		"metrics: {listen: \"inet:%s\"}\ncontrol: %s/control\n", d.inet, d.unix, d.metrics, d.dir)
	if !strings.Contains(d.blocks, "state_dir:") {
		text += "state_dir: " + d.dir + "/state\n"
	}
	writeFile(t, d.config(), text)
}

// watched is where the metrics are. All daemons of a file can run at once, so
// one that runs alone has them some ports behind the one that is configured.
func (d *daemon) watched() string {
	if len(d.args) < 2 || d.args[1] != "--config" {
		return d.metrics
	}
	host, text, _ := net.SplitHostPort(d.metrics)
	port, _ := strconv.Atoi(text)
	behind := map[string]int{"socketmap": 1, "tcptable": 2, "policyd": 3, "srsd": 4}[d.args[0]] // less than rowPorts
	return net.JoinHostPort(host, strconv.Itoa(port+behind))
}

func (d *daemon) config() string { return filepath.Join(d.dir, "postern.yaml") }

// start runs the program and waits until it listens.
func (d *daemon) start(t *testing.T) {
	t.Helper()
	d.launch(t)
	d.await(t, "it listens", func() bool {
		conn, err := net.Dial("tcp", d.watched())
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// launch runs the program. Held sockets are handed over as systemd does; the
// shell is there because LISTEN_PID must be the process's own number.
func (d *daemon) launch(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	args := d.args
	if args == nil {
		args = []string{"serve", "--config", d.config()}
	}
	cmd := exec.Command(shared.binary, args...)
	cmd.Env = append(os.Environ(), d.env...)
	if len(d.held) > 0 {
		cmd = exec.Command("/bin/sh", append([]string{"-c", `LISTEN_PID=$$ exec "$@"`, "sh", shared.binary}, args...)...)
		cmd.Env = append(os.Environ(), append(d.env, fmt.Sprintf("LISTEN_FDS=%d", len(d.held)))...)
		cmd.ExtraFiles = d.held
	}
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: d.user}
	if d.process, err = startProcess(cmd); err != nil {
		t.Fatal(err)
	}
}

// startProcess starts a child that the kernel kills when this program ends.
// The parent of PR_SET_PDEATHSIG is a thread, so one goroutine keeps it.
func startProcess(cmd *exec.Cmd) (*process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig, cmd.SysProcAttr.Setpgid = syscall.SIGKILL, true
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// end sends a signal and waits for the end.
func (p *process) end(sig syscall.Signal) error {
	if p == nil {
		return nil
	}
	p.cmd.Process.Signal(sig) // one that has ended is waited for below
	select {
	case <-p.done:
		return p.err
	case <-time.After(patience):
		p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("it did not end within %v of %v", patience, sig)
	}
}

// stop ends the daemon by SIGTERM; it must drain and exit 0.
func (d *daemon) stop(t *testing.T) {
	t.Helper()
	if err := d.process.end(syscall.SIGTERM); err != nil {
		t.Errorf("postern after SIGTERM: %v", err)
	}
}

// kill ends it by SIGKILL.
func (d *daemon) kill() { d.process.end(syscall.SIGKILL) }

// reload sends SIGHUP and waits for what it says about it.
func (d *daemon) reload(t *testing.T, says string) {
	t.Helper()
	before := len(d.log())
	if err := d.process.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	d.await(t, "the log says "+says, func() bool { return strings.Contains(d.log()[before:], says) })
}

// awaitReady waits for /readyz.
func (d *daemon) awaitReady(t *testing.T) {
	t.Helper()
	d.await(t, "it is ready", func() bool {
		resp, err := http.Get("http://" + d.watched() + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// await waits until done; a daemon that ends meanwhile fails the test.
func (d *daemon) await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		select {
		case <-d.process.done:
			t.Fatalf("postern ended (%v) before %s:\n%s", d.process.err, what, tail(d.log(), 4000))
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// log is what the daemon has said.
func (d *daemon) log() string {
	text, _ := os.ReadFile(filepath.Join(d.dir, "log")) // none yet: it has said nothing
	return string(text)
}

// socketmap is the map as main.cf spells it.
func (d *daemon) socketmap(name string) string { return "socketmap:inet:" + d.inet + ":" + name }

// metric is the sum of the samples whose name and labels contain all parts.
func (d *daemon) metric(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	resp, err := http.Get("http://" + d.watched() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for line := range strings.Lines(text.String()) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || !strings.HasPrefix(rest, "{") && !strings.HasPrefix(rest, " ") || !containsAll(rest, labels) {
			continue
		}
		fields := strings.Fields(rest)
		value, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err != nil {
			t.Fatalf("metrics: %q: %v", line, err)
		}
		sum += value
	}
	return sum
}

// run runs a subcommand with the daemon's configuration.
func (d *daemon) run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	args = append([]string{args[0], "--config", d.config()}, args[1:]...)
	out, err := exec.CommandContext(ctx, shared.binary, args...).CombinedOutput()
	return string(out), err
}
