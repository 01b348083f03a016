package envelope

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
	"golang.org/x/sys/unix"
	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// schema is PostSRSd's, so that either program can go on with the other's file.
const schema = `
CREATE TABLE IF NOT EXISTS kv (k TEXT NOT NULL UNIQUE ON CONFLICT REPLACE, v TEXT NOT NULL, lt INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS ltidx ON kv (lt)`

// file is an SQLite database of senders.
type file struct {
	path    string
	options Options
	entries *atomic.Int64

	mu       sync.RWMutex // held for reading by whoever uses db
	db       *sqlx.DB
	isReady  bool
	identity os.FileInfo // of the file that was last ready

	writing chan struct{} // one writer at a time in this process; it owns:
	counted bool          // entries was counted in this file
	refused time.Time     // when the store was last found full
}

// openFile makes what is missing. Trouble that passes is left to the operations.
func openFile(ctx context.Context, path string, o Options, entries *atomic.Int64) (*file, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	f := &file{path: absolute, options: o, entries: entries, writing: make(chan struct{}, 1)}
	limited, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	switch err := f.ready(limited); {
	case err != nil && passes(err):
		o.Log.Warn("envelope store: not ready yet, mail that needs it is deferred until it is", "file", absolute, "error", cause(err))
	case err != nil:
		return nil, errors.Join(explain(absolute, err), f.close())
	default:
		f.warnOfReaders()
		if o.Exact {
			f.sweepAtStart(ctx)
		}
	}
	return f, nil
}

// warnOfReaders speaks up for the senders in a file that PostSRSd has made.
func (f *file) warnOfReaders() {
	if mode := f.identity.Mode().Perm(); mode&0o007 != 0 {
		f.options.Log.Warn("envelope store: every user of this host can read the file: chmod 600", "file", f.path, "mode", mode.String())
	}
}

// sweepAtStart deletes what expired, as PostSRSd does at every start and
// reload. As there, trouble with it is no trouble for the service.
func (f *file) sweepAtStart(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, upkeepLimit)
	defer cancel()
	if err := f.sweep(limited); err != nil {
		f.options.Log.Warn("envelope store: expired senders were not deleted, the next start will", "file", f.path, "error", cause(err))
	}
}

// ready begins every operation. The first that can makes file and tables.
// Later it finds out whether the path still leads to the file that is open:
// what is written to a file without a name is lost, and SQLite does not tell.
func (f *file) ready(ctx context.Context) error {
	if f.isCurrentFile() {
		return nil
	}
	return f.write(ctx, f.prepare)
}

func (f *file) isCurrentFile() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if !f.isReady {
		return false
	}
	info, err := os.Stat(f.path)
	return err == nil && os.SameFile(info, f.identity)
}

// prepare is called by the writer. Nobody uses the old database meanwhile, and
// it is closed before the new one is opened: both would have a journal of the
// same name.
func (f *file) prepare(ctx context.Context) error {
	if f.isCurrentFile() {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.identity == nil {
		if err := create(f.path); err != nil {
			return err
		}
	}
	info, err := os.Stat(f.path)
	if err != nil {
		return goneError{err}
	}
	if err := writable(f.path); err != nil {
		return err
	}
	f.isReady = false
	if err := f.reopen(); err != nil {
		return err
	}
	if err := f.makeTables(ctx); err != nil {
		return err
	}
	f.isReady, f.identity, f.counted = true, info, false
	return nil
}

// create makes an empty file that its owner alone may read. A file that is
// there is not even opened: closing it would drop the locks that another store
// of this process holds on it (POSIX locks, fcntl(2)).
func create(path string) error {
	made, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return made.Close()
}

// writable says what SQLite says too late: a file that may only be read opens
// well, and the journal has its place beside it.
func writable(path string) error {
	if err := unix.Access(path, unix.R_OK|unix.W_OK); err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: err}
	}
	folder := filepath.Dir(path)
	if err := unix.Access(folder, unix.W_OK|unix.X_OK); err != nil {
		return &fs.PathError{Op: "make a journal in", Path: folder, Err: err}
	}
	return nil
}

func (f *file) reopen() error {
	if f.db != nil {
		if err := f.db.Close(); err != nil {
			f.options.Log.Warn("envelope store: close of a file that was replaced", "file", f.path, "error", cause(err))
		}
	}
	db, err := sqlx.Open("sqlite", dataSource(f.path))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(4)
	f.db = db
	return nil
}

// dataSource names the file in SQLite's URI form. SQLite makes no file by
// itself, and waits for locks in short turns, so that an operation ends in
// time. The journal is left as it is, for a new file a rollback journal: a
// write-ahead log would outlive a file that is replaced, and be applied to the
// next one of the same name.
func dataSource(absolute string) string {
	parameters := url.Values{
		"mode":          {"rw"},
		"_busy_timeout": {"50"},
		"_synchronous":  {"FULL"}, // a sender whose address was handed out survives a power cut
		"_txlock":       {"immediate"},
		"_error_rc":     {"1"},
	}
	return (&url.URL{Scheme: "file", Path: absolute, RawQuery: parameters.Encode()}).String()
}

func (f *file) makeTables(ctx context.Context) error {
	tx, err := f.db.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, statement := range []string{schema, "SELECT k, v, lt FROM kv LIMIT 1"} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (f *file) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.db == nil {
		return nil
	}
	return f.db.Close()
}
