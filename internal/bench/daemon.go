package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"postern/internal/scratch"
)

// daemon is a postern process of ours with a folder of its own.
type daemon struct {
	dir     string
	unix    string // socketmap
	tcp     string // socketmap
	metrics string
	cmd     *exec.Cmd
	died    chan error
}

// newDaemon makes the folder and writes the configuration: blocks, to which
// listeners, state and log are added.
func (l *lab) newDaemon(blocks string) (*daemon, error) {
	dir, err := l.folder()
	if err != nil {
		return nil, err
	}
	d := &daemon{dir: dir, unix: filepath.Join(dir, "maps")}
	for _, addr := range []*string{&d.tcp, &d.metrics} {
		if *addr, err = freeAddress(); err != nil {
			return nil, err
		}
	}
	text := blocks + fmt.Sprintf(`
socketmap:
  listen: ["unix:%s", "inet:%s"]
state_dir: %s/state
control: %[3]s/control
metrics: {listen: "inet:%[4]s"}
log: {level: warn}
`, d.unix, d.tcp, dir, d.metrics)
	return d, os.WriteFile(d.config(), []byte(text), 0o600)
}

func freeAddress() (string, error) {
	port, err := scratch.FreePort()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}

func (d *daemon) config() string { return filepath.Join(d.dir, "postern.yaml") }

// begin starts the process and does not wait for anything.
func (d *daemon) begin(binary string) error {
	stderr, err := os.OpenFile(filepath.Join(d.dir, "stderr"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer stderr.Close()
	d.cmd = exec.Command(binary, "serve", "--config", d.config())
	d.cmd.Stderr = stderr
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := d.cmd.Start(); err != nil {
		return fmt.Errorf("postern: %w", err)
	}
	d.died = make(chan error, 1)
	go func() { d.died <- d.cmd.Wait() }()
	return nil
}

// forget removes the disk copies.
func (d *daemon) forget() error { return os.RemoveAll(filepath.Join(d.dir, "state")) }

func (d *daemon) pid() int { return d.cmd.Process.Pid }

func (d *daemon) cpu() (time.Duration, error) { return cpuOf(d.pid()) }

// await polls until is says yes.
func (d *daemon) await(ctx context.Context, every time.Duration, is func() bool) error {
	for !is() {
		select {
		case err := <-d.died:
			d.died <- err
			return fmt.Errorf("postern ended: %v: %s", err, d.log())
		case <-ctx.Done():
			return fmt.Errorf("postern: %w: %s", ctx.Err(), d.log())
		case <-time.After(every):
		}
	}
	return nil
}

// startDaemon starts a daemon whose tables hold all rows when it returns.
func (l *lab) startDaemon(ctx context.Context, blocks string, aliases int) (*daemon, error) {
	d, err := l.newDaemon(blocks)
	if err != nil {
		return nil, err
	}
	if err := d.begin(l.binary); err != nil {
		return nil, err
	}
	if err := d.awaitRows(ctx, aliases); err != nil {
		d.stop()
		return nil, err
	}
	return d, nil
}

// awaitRows waits until the daemon is ready and its alias table has that many
// rows; 0 is for a daemon without tables.
func (d *daemon) awaitRows(ctx context.Context, aliases int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return d.await(ctx, 10*time.Millisecond, func() bool {
		if _, err := d.page("/readyz"); err != nil {
			return false
		}
		if aliases == 0 {
			return true
		}
		rows, err := d.metric(`postern_table_rows{table="alias"}`)
		return err == nil && rows == float64(aliases)
	})
}

// page reads a page of the metrics listener.
func (d *daemon) page(path string) (string, error) {
	resp, err := http.Get("http://" + d.metrics + path)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return string(text), err
}

// metric reads one series.
func (d *daemon) metric(series string) (float64, error) { return d.series(series + " ") }

// sum adds up all series of a name that has labels.
func (d *daemon) sum(name string) (float64, error) { return d.series(name + "{") }

// series adds up those that begin so.
func (d *daemon) series(prefix string) (total float64, err error) {
	text, err := d.page("/metrics")
	if err != nil {
		return 0, err
	}
	found := false
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, prefix) {
			continue
		}
		fields := strings.Fields(line)
		v, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err != nil {
			return 0, fmt.Errorf("metrics: %w", err)
		}
		total, found = total+v, true
	}
	if !found {
		return 0, fmt.Errorf("metrics: no series %q", prefix)
	}
	return total, nil
}

// log is the end of what the daemon said.
func (d *daemon) log() string {
	text, _ := os.ReadFile(filepath.Join(d.dir, "stderr"))
	return string(text[max(0, len(text)-1000):])
}

// stop lets the daemon drain, which also writes its disk copies.
func (d *daemon) stop() { d.end(syscall.SIGTERM) }

// kill ends it as a crash would.
func (d *daemon) kill() { d.end(syscall.SIGKILL) }

func (d *daemon) end(sig syscall.Signal) {
	if d.cmd == nil || d.cmd.Process.Signal(sig) != nil {
		return
	}
	select {
	case <-d.died:
	case <-time.After(20 * time.Second):
		d.cmd.Process.Kill()
		<-d.died
	}
	d.cmd = nil
}
