package scratch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Addr is the host and port of the server: "127.0.0.1:23306".
func (m *MariaDB) Addr() string { return loopback(m.port) }

// Port is the port of Addr.
func (m *MariaDB) Port() int { return m.port }

// Socket is the path of the unix socket.
func (m *MariaDB) Socket() string { return filepath.Join(m.dir, "sock") }

// Database is the name of the database that User owns.
func (m *MariaDB) Database() string { return m.opts.Database }

// User is the login that DSN uses.
func (m *MariaDB) User() string { return m.opts.User }

// Password is the password of User.
func (m *MariaDB) Password() string { return m.opts.Password }

// CAFile is the PEM file of the authority that signed the server's
// certificate; it exists with option TLS.
func (m *MariaDB) CAFile() string { return filepath.Join(m.dir, "ca.pem") }

// DSN is a data source name of go-sql-driver/mysql for User, over TCP.
func (m *MariaDB) DSN() string {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr = "tcp", m.Addr()
	cfg.User, cfg.Passwd, cfg.DBName = m.opts.User, m.opts.Password, m.opts.Database
	return cfg.FormatDSN()
}

// Pid is the process number of the server, also of one that was killed.
func (m *MariaDB) Pid() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.process.pid()
}

// Log is what the server has written to its error log so far.
func (m *MariaDB) Log() string {
	text, _ := os.ReadFile(m.logFile())
	return string(text)
}

func (m *MariaDB) logFile() string { return filepath.Join(m.dir, "log") }

// Exec runs SQL statements, separated by semicolons, as root in Database.
func (m *MariaDB) Exec(ctx context.Context, statements string) error {
	conn, err := m.admin.Conn(ctx)
	if err != nil {
		return fmt.Errorf("scratch mariadb: connect: %w", err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "USE "+quoteName(m.opts.Database)); err != nil {
		return fmt.Errorf("scratch mariadb: %w", err)
	}
	if _, err := conn.ExecContext(ctx, statements); err != nil {
		return fmt.Errorf("scratch mariadb: exec: %w", err)
	}
	return nil
}

// Load feeds files to the mariadb(1) client, as root in Database; so DELIMITER
// and the like work as they do by hand.
func (m *MariaDB) Load(ctx context.Context, files ...string) error {
	for _, file := range files {
		if err := m.loadFile(ctx, file); err != nil {
			return fmt.Errorf("scratch mariadb: load %s: %w", file, err)
		}
	}
	return nil
}

func (m *MariaDB) loadFile(ctx context.Context, file string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	cmd, err := command(m.opts.Root, "mariadb", "mariadb-client", "--no-defaults", "--user=root",
		"--default-character-set=utf8mb4", "--socket="+inside(m.opts.Root, m.Socket()), m.opts.Database)
	if err != nil {
		return err
	}
	cmd.Stdin = in
	if out, err := runCommand(ctx, cmd); err != nil {
		return fmt.Errorf("%w: %s", err, tail(out, 1500))
	}
	return nil
}

// Pause freezes the server (SIGSTOP): connections are taken by the kernel and
// get no answer, as with a host that hangs.
func (m *MariaDB) Pause() error { return m.signal(syscall.SIGSTOP) }

// Resume ends Pause.
func (m *MariaDB) Resume() error { return m.signal(syscall.SIGCONT) }

func (m *MariaDB) signal(sig syscall.Signal) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.process.signal(sig); err != nil {
		return fmt.Errorf("scratch mariadb: %s: %w", sig, err)
	}
	return nil
}

// Kill ends the server at once (SIGKILL) and returns when it is gone; then
// connections are refused. Restart brings it back.
func (m *MariaDB) Kill() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.process.stop(syscall.SIGKILL, time.Minute)
}

// Restart starts the server on the same port and data, after an orderly
// shutdown if it still runs. It returns when the server answers.
func (m *MariaDB) Restart(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return errors.New("scratch mariadb: restart after Stop")
	}
	if err := m.process.stop(syscall.SIGTERM, patience); err != nil {
		return fmt.Errorf("scratch mariadb: %w", err)
	}
	if err := m.start(ctx); err != nil {
		return fmt.Errorf("scratch mariadb: restart: %w", err)
	}
	return nil
}

// Stop ends the server and removes its folder, unless Dir was given. It may be
// called more than once.
func (m *MariaDB) Stop() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return nil
	}
	m.stopped = true
	var failures []error
	if m.admin != nil {
		m.admin.Close() // of a dead or paused server this fails, and does not matter
	}
	if m.process != nil {
		// Data that is thrown away needs no orderly shutdown.
		sig := syscall.SIGTERM
		if m.folder != nil {
			sig = syscall.SIGKILL
		}
		failures = append(failures, m.process.stop(sig, patience))
	}
	if m.folder != nil {
		failures = append(failures, m.folder.remove())
	}
	return errors.Join(failures...)
}
