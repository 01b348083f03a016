package incident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"postern/internal/statefile"
)

var format = statefile.Format{Name: "incident", Version: 1}

// maxState bounds what is read of a state.
const maxState = 256 << 20

// lockWait is how long the lock of the folder is waited for.
const lockWait = 10 * time.Second

// lock keeps other commands out of the folder until it is called again.
func (d *Desk) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(d.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if err := ownFolder(d.Dir); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(d.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			file.Close()
			return nil, fmt.Errorf("state: lock %s: %w", file.Name(), err)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, fmt.Errorf("%w: it holds %s: try again when it is done", ErrBusy, file.Name())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// ownFolder refuses a folder that another user has, or has linked elsewhere:
// state_dir belongs to the daemons' user, who must not say what root writes, and
// where.
func ownFolder(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("state: %s: it is no folder: move it away", dir)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; int(uid) != os.Geteuid() {
		return fmt.Errorf("state: %s belongs to user %d, who could change what is in it: run this as that user, or move it away", dir, uid)
	}
	return nil
}

// newID is the time and, where that is taken, a number.
func (d *Desk) newID() (string, error) {
	base := d.Now().UTC().Format("20060102T150405Z")
	for n := 1; n < 1000; n++ {
		id := base
		if n > 1 {
			id = fmt.Sprintf("%s-%d", base, n)
		}
		if _, err := os.Lstat(d.statePath(id)); errors.Is(err, fs.ErrNotExist) {
			return id, nil
		} else if err != nil {
			return "", fmt.Errorf("state: %w", err)
		}
	}
	return "", errors.New("state: too many incidents of one second")
}

func (d *Desk) statePath(id string) string { return filepath.Join(d.Dir, id+".state") }

// isID tells what cannot be the name of a file elsewhere.
func isID(id string) bool {
	return id != "" && len(id) < 64 && strings.Trim(id, "0123456789TZ-") == ""
}

// save writes the state; an error leaves the one of before.
func (d *Desk) save(s *State) error {
	return format.Write(d.statePath(s.ID), func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return e.Encode(s)
	})
}

// load reads the state of an incident.
func (d *Desk) load(id string) (*State, error) {
	if !isID(id) {
		return nil, fmt.Errorf("%w: %.100q is none: postern incident --list names them", ErrNone, id)
	}
	s := &State{}
	err := format.Peek(d.statePath(id), func(_ int, r io.Reader) error {
		return json.NewDecoder(io.LimitReader(r, maxState)).Decode(s)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is not known in %s: postern incident --list names them; the files are on the host where it was begun", ErrNone, id, d.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if s.ID != id {
		return nil, fmt.Errorf("state: %s holds the incident %.100q", d.statePath(id), s.ID)
	}
	return s, nil
}

// open reads the state of an incident under the lock of the folder.
func (d *Desk) open(ctx context.Context, id string) (s *State, unlock func(), err error) {
	if _, err := d.load(id); err != nil { // before a folder is made for the lock
		return nil, nil, err
	}
	if unlock, err = d.lock(ctx); err != nil {
		return nil, nil, err
	}
	if s, err = d.load(id); err != nil {
		unlock()
		return nil, nil, err
	}
	return s, unlock, nil
}

// List is every incident of this host, oldest first. One that cannot be read
// is an error beside the others.
func (d *Desk) List() ([]State, error) {
	names, err := filepath.Glob(filepath.Join(d.Dir, "*.state"))
	if err != nil {
		return nil, err
	}
	all, errs := []State{}, []error{}
	for _, name := range names {
		s, err := d.load(strings.TrimSuffix(filepath.Base(name), ".state"))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, *s)
	}
	return all, errors.Join(errs...)
}
