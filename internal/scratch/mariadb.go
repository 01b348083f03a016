package scratch

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
)

// MariaDBOptions says what the server shall be like; the zero value is good.
type MariaDBOptions struct {
	Root      string   // a Debian root folder to take the server from; empty: this machine
	Dir       string   // keeps the data after Stop; under Root if that is set; empty: a folder that Stop removes
	Database  string   // created with the first start; empty: "postern"
	User      string   // gets all rights on Database; empty: "postern"
	Password  string   // of User; empty: "secret"
	ExtraArgs []string // for mariadbd(8), they win over ours
	TLS       bool     // with a certificate made for 127.0.0.1, see CAFile
}

// MariaDB is a running private server. Its methods may be called concurrently.
type MariaDB struct {
	opts   MariaDBOptions
	folder *folder // nil if Dir was given
	dir    string  // as this machine sees it
	port   int
	admin  *sql.DB // root, over the unix socket

	mu      sync.Mutex // one change of state at a time
	process *process
	stopped bool
}

// StartMariaDB starts mariadbd on a free port of 127.0.0.1 and on a unix
// socket, and returns when it answers and Database and User exist. The server
// dies with this program. A commit survives Kill, but not a crash of the machine.
func StartMariaDB(ctx context.Context, opts MariaDBOptions) (*MariaDB, error) {
	setDefault(&opts.Database, "postern")
	setDefault(&opts.User, "postern")
	setDefault(&opts.Password, "secret")
	m := &MariaDB{opts: opts}
	if err := m.create(ctx); err != nil {
		m.Stop()
		return nil, fmt.Errorf("scratch mariadb: %w", err)
	}
	return m, nil
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

// create makes the folder, the system tables, the process and the user.
func (m *MariaDB) create(ctx context.Context) error {
	if err := m.makeFolder(); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(m.dir, "data", "mysql")); err != nil {
		if err := m.makeData(ctx); err != nil {
			return fmt.Errorf("system tables: %w", err)
		}
	}
	if m.opts.TLS {
		if err := writeCertificates(m.dir); err != nil {
			return err
		}
	}
	if err := m.openAdmin(); err != nil {
		return err
	}
	if err := m.startSomewhere(ctx); err != nil {
		return err
	}
	return m.makeUser(ctx)
}

// makeFolder makes the place for data, socket and log.
func (m *MariaDB) makeFolder() error {
	if m.opts.Dir != "" {
		m.dir = filepath.Join(m.opts.Root, m.opts.Dir)
		return os.MkdirAll(m.dir, 0o755)
	}
	folder, err := newFolder(filepath.Join(m.opts.Root, "/tmp"), "mariadb", nothingRuns)
	if err != nil {
		return err
	}
	m.folder, m.dir = folder, folder.path
	return nil
}

// openAdmin prepares the connections of root, who has no password and comes
// over the socket.
func (m *MariaDB) openAdmin() error {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User = "unix", m.Socket(), "root"
	cfg.MultiStatements = true
	cfg.Logger = silent{} // a server that is being started refuses many times
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return err
	}
	m.admin = sql.OpenDB(connector)
	m.admin.SetMaxIdleConns(1)
	return nil
}

type silent struct{}

func (silent) Print(...any) {}

// startSomewhere starts the server on a free port, and on another one if that
// was taken in the moment between.
func (m *MariaDB) startSomewhere(ctx context.Context) error {
	var failures []error
	for range 3 {
		port, err := FreePort()
		if err != nil {
			return err
		}
		m.port = port
		if err = m.start(ctx); err == nil {
			return nil
		}
		failures = append(failures, err)
		if ctx.Err() != nil || !bytes.Contains([]byte(m.Log()), []byte("already in use")) {
			break
		}
	}
	return errors.Join(failures...)
}

// start runs mariadbd and waits until it answers.
func (m *MariaDB) start(ctx context.Context) error {
	log, err := os.OpenFile(m.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd, err := command(m.opts.Root, "mariadbd", "mariadb-server", m.args()...)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = log, log
	if m.process, err = startProcess(cmd); err != nil {
		return err
	}
	if err := m.await(ctx); err != nil {
		m.process.stop(syscall.SIGKILL, time.Minute)
		return fmt.Errorf("mariadbd does not answer: %w; its log ends:\n%s", err, tail(m.Log(), 1500))
	}
	return nil
}

// await polls until the server answers, has ended, or ctx or patience is over.
func (m *MariaDB) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := m.admin.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-m.process.done:
			return fmt.Errorf("it ended: %v", m.process.err)
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// makeUser creates the database and its user. A user without rights at
// localhost would be hidden by an anonymous one, so both hosts are named.
func (m *MariaDB) makeUser(ctx context.Context) error {
	name, password := quoteSQL(m.opts.User), quoteSQL(m.opts.Password)
	script := "CREATE DATABASE IF NOT EXISTS " + quoteName(m.opts.Database) + ";\n"
	for _, host := range []string{"'localhost'", "'%'"} {
		script += "CREATE USER IF NOT EXISTS " + name + "@" + host + " IDENTIFIED BY " + password + ";\n" +
			"GRANT ALL ON " + quoteName(m.opts.Database) + ".* TO " + name + "@" + host + ";\n"
	}
	if _, err := m.admin.ExecContext(ctx, script); err != nil {
		return fmt.Errorf("create user: %w", err)
	}
	return nil
}
