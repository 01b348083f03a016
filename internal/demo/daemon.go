package demo

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/template"
	"time"

	"postern/internal/scratch"
	"postern/internal/store"
	"postern/socketmap"
	"postern/srsd"
)

//go:embed postern.yaml
var configText string

//go:embed sample.sql
var sampleSQL string

//go:embed office
var officeText string

// daemon is a running `postern serve`.
type daemon struct {
	config    string // file
	socketmap string // HOST:PORT
	tcptable  string
	policy    string
	metrics   string
	stderr    string // file
	process   *exec.Cmd
	died      chan error
}

// startDaemon makes the store, writes the configuration and starts postern
// with its unix socket below queueDir, where Postfix's chroot reaches it.
func startDaemon(ctx context.Context, binary, dir, queueDir string) (*daemon, error) {
	d := &daemon{config: filepath.Join(dir, "postern.yaml"), stderr: filepath.Join(dir, "postern.log"), died: make(chan error, 1)}
	if err := MakeStore(ctx, filepath.Join(dir, "postern.db")); err != nil {
		return nil, fmt.Errorf("demo: store: %w", err)
	}
	now := time.Now()
	if _, err := srsd.Rotate(filepath.Join(dir, "srs.secret"), now, now); err != nil { // makes one, mode 0600
		return nil, fmt.Errorf("demo: %w", err)
	}
	for _, addr := range []*string{&d.socketmap, &d.tcptable, &d.policy, &d.metrics} {
		port, err := scratch.FreePort()
		if err != nil {
			return nil, fmt.Errorf("demo: %w", err)
		}
		*addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	if err := d.writeConfig(dir, queueDir); err != nil {
		return nil, fmt.Errorf("demo: configuration: %w", err)
	}
	if err := d.start(binary); err != nil {
		return nil, fmt.Errorf("demo: starting postern: %w", err)
	}
	if err := d.awaitReady(ctx); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

// MakeStore creates the SQLite file with the sample rows.
func MakeStore(ctx context.Context, path string) error {
	if err := store.InitSQLite(path); err != nil {
		return err
	}
	s, err := store.Open(store.Options{Driver: "sqlite", Path: path, MaxConnections: 1}, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = s.DB().ExecContext(ctx, sampleSQL)
	return err
}

func (d *daemon) writeConfig(dir, queueDir string) error {
	t, err := template.New("postern.yaml").Parse(configText)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	err = t.Execute(&text, map[string]string{
		"Dir": dir, "Queue": queueDir, "Socketmap": d.socketmap, "TCPTable": d.tcptable, "Policy": d.policy, "Metrics": d.metrics, "SRSDomain": srsDomain,
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "office"), []byte(officeText), 0o644); err != nil {
		return err
	}
	return os.WriteFile(d.config, text.Bytes(), 0o644)
}

// start runs postern serve; it dies with the demo.
func (d *daemon) start(binary string) error {
	stderr, err := os.Create(d.stderr)
	if err != nil {
		return err
	}
	defer stderr.Close()
	d.process = exec.Command(binary, "serve", "--config", d.config)
	d.process.Stderr = stderr
	d.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	if err := d.process.Start(); err != nil {
		return err
	}
	go func() { d.died <- d.process.Wait() }()
	return nil
}

// awaitReady waits until Postfix's questions can be answered.
func (d *daemon) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if resp, err := http.Get("http://" + d.metrics + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-d.died:
			d.process = nil
			return fmt.Errorf("demo: postern ended at once: %w:\n%s", exit(err), d.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("demo: postern is not ready: %w:\n%s", ctx.Err(), d.lastWords())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// rewrite asks for the SRS sender of an address.
func (d *daemon) rewrite(ctx context.Context, address string) (string, error) {
	client := socketmap.NewClient("tcp", d.socketmap, srsd.MapForward, socketmap.ClientOptions{})
	defer client.Close()
	rewritten, found, err := client.Lookup(ctx, address)
	if err == nil && !found {
		err = errors.New(rewritten)
	}
	if err != nil {
		return "", fmt.Errorf("demo: rewriting %s: %w", address, err)
	}
	return rewritten, nil
}

// exit is how postern ended.
func exit(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// lastLines of the log are shown.
const lastLines = 10

// lastWords is the end of what postern said. If there is more, all of it is
// moved to where it outlives the demo.
func (d *daemon) lastWords() string {
	text, err := os.ReadFile(d.stderr)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	if len(lines) <= lastLines {
		return strings.Join(lines, "\n")
	}
	rest := filepath.Dir(d.stderr) + ".log"
	if err := os.Rename(d.stderr, rest); err != nil {
		rest = err.Error()
	}
	return strings.Join(lines[len(lines)-lastLines:], "\n") + "\nthe whole log: " + rest
}

// stop drains postern.
func (d *daemon) stop() error {
	if d.process == nil {
		return nil
	}
	if err := d.process.Process.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	select {
	case <-d.died:
		return nil
	case <-time.After(10 * time.Second):
		return d.process.Process.Kill()
	}
}
