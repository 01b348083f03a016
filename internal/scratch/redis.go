package scratch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// RedisOptions says what the server shall be like; the zero value is good: it
// keeps nothing on disk.
type RedisOptions struct {
	Args []string // for redis-server(1), they win over ours: --requirepass secret
	TLS  bool     // with a certificate made for 127.0.0.1, see CAFile; no other way in but Socket

	Cluster bool   // a node of a Cluster to be
	Master  string // HOST PORT: a Sentinel, which knows this master as mymaster
}

// Redis is a running private server. Its methods may be called concurrently.
type Redis struct {
	opts      RedisOptions
	folder    *folder
	port, bus int

	mu      sync.Mutex // one change of state at a time
	process *process
}

// StartRedis starts redis-server on a free port of 127.0.0.1 and on a unix
// socket, and returns when it answers. The server dies with this program.
func StartRedis(ctx context.Context, opts RedisOptions) (*Redis, error) {
	r := &Redis{opts: opts}
	if err := r.create(ctx); err != nil {
		r.Stop()
		return nil, fmt.Errorf("scratch redis: %w", err)
	}
	return r, nil
}

// create makes the folder and starts in it, on another port if ours was taken
// in the moment between.
func (r *Redis) create(ctx context.Context) (err error) {
	if r.folder, err = newFolder("/tmp", "redis", nothingRuns); err != nil {
		return err
	}
	if r.opts.TLS {
		if err := writeCertificates(r.folder.path); err != nil {
			return err
		}
	}
	if r.opts.Master != "" { // the Sentinel writes there what it learns
		if err := os.WriteFile(r.sentinelFile(), []byte("sentinel monitor mymaster "+r.opts.Master+" 1\n"), 0o600); err != nil {
			return err
		}
	}
	var failures []error
	for range 3 {
		if r.port, err = FreePort(); err != nil {
			return err
		}
		if r.bus, err = FreePort(); err != nil {
			return err
		}
		if err = r.Start(ctx); err == nil {
			return nil
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// Addr is the host and port of the server: "127.0.0.1:23306".
func (r *Redis) Addr() string { return loopback(r.port) }

// Port is the port of Addr.
func (r *Redis) Port() int { return r.port }

// Bus is the port by which nodes of a Cluster find one another.
func (r *Redis) Bus() int { return r.bus }

// Socket is the path of the unix socket.
func (r *Redis) Socket() string { return filepath.Join(r.folder.path, "sock") }

// CAFile is the PEM file of the authority that signed the server's
// certificate; it exists with option TLS.
func (r *Redis) CAFile() string { return filepath.Join(r.folder.path, "ca.pem") }

// Log is what the server has written to its log so far.
func (r *Redis) Log() string {
	text, _ := os.ReadFile(r.logFile())
	return string(text)
}

func (r *Redis) logFile() string { return filepath.Join(r.folder.path, "log") }

func (r *Redis) sentinelFile() string { return filepath.Join(r.folder.path, "sentinel.conf") }

// Start runs a server that was killed again, with more arguments perhaps, and
// returns when it answers, if only that it is loading its data.
func (r *Redis) Start(ctx context.Context, more ...string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	cmd, err := command("", "redis-server", "redis-server", append(r.args(), more...)...)
	if err != nil {
		return err
	}
	cmd.Dir = r.folder.path
	if r.process, err = startProcess(cmd); err != nil {
		return err
	}
	if err := r.await(ctx); err != nil {
		r.process.stop(syscall.SIGKILL, time.Minute)
		return fmt.Errorf("redis-server does not answer: %w; its log ends:\n%s", err, tail(r.Log(), 1500))
	}
	return nil
}

// args are those of a server; the configuration file of a Sentinel comes first.
func (r *Redis) args() []string {
	var args []string
	dir, port := r.folder.path, strconv.Itoa(r.port)
	if r.opts.Master != "" {
		args = append(args, r.sentinelFile(), "--sentinel")
	}
	args = append(args, "--bind", "127.0.0.1", "--unixsocket", r.Socket(), "--dir", dir, "--logfile", r.logFile())
	if r.opts.TLS {
		args = append(args, "--port", "0", "--tls-port", port, "--tls-auth-clients", "no", "--tls-ca-cert-file", r.CAFile(),
			"--tls-cert-file", filepath.Join(dir, "cert.pem"), "--tls-key-file", filepath.Join(dir, "key.pem"))
	} else {
		args = append(args, "--port", port)
	}
	if r.opts.Master == "" {
		args = append(args, "--save", "", "--appendonly", "no", "--enable-debug-command", "yes")
	}
	if r.opts.Cluster {
		args = append(args, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(r.bus), "--cluster-node-timeout", "2000")
	}
	return append(args, r.opts.Args...)
}

// await polls until the server answers, has ended, or ctx or patience is over.
func (r *Redis) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := r.ping()
		if err == nil {
			return nil
		}
		select {
		case <-r.process.done:
			return fmt.Errorf("it ended: %v", r.process.err)
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// ping takes any answer: a password may be wanted.
func (r *Redis) ping() error {
	conn, err := net.Dial("unix", r.Socket())
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	_, err = bufio.NewReader(conn).ReadString('\n')
	return err
}

// Kill ends the server as a crash would (SIGKILL); Start has it back.
func (r *Redis) Kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.process.stop(syscall.SIGKILL, time.Minute)
}

// Pause freezes the server (SIGSTOP): it accepts connections and answers nothing.
func (r *Redis) Pause() error { return r.signal(syscall.SIGSTOP) }

// Resume ends Pause (SIGCONT).
func (r *Redis) Resume() error { return r.signal(syscall.SIGCONT) }

func (r *Redis) signal(sig syscall.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.process.signal(sig)
}

// Stop ends the server and removes its folder. It may be called twice.
func (r *Redis) Stop() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process != nil {
		r.process.stop(syscall.SIGKILL, time.Minute)
	}
	if r.folder == nil {
		return nil
	}
	err := r.folder.remove()
	r.folder = nil
	return err
}
