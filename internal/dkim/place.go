package dkim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// tableMode lets OpenDKIM's group read a table: it reads it again without
// privileges when it is reloaded.
const tableMode = 0o640

// place writes a table beside itself and puts it in its place when it is on the
// disk. It tells whether that changed anything.
func place(path string, old, text []byte, owner Owner) (changed bool, err error) {
	if bytes.Equal(old, text) {
		return false, settle(path, owner)
	}
	draft := path + ".postern.new" // one run at a time
	f, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return false, err
	}
	defer func() {
		if err != nil {
			os.Remove(draft)
		}
	}()
	if err := errors.Join(fill(f, text, owner), f.Close()); err != nil {
		return false, err
	}
	if err := os.Rename(draft, path); err != nil {
		return false, err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return true, err
	}
	return true, errors.Join(folder.Sync(), folder.Close())
}

// settle gives a table that needs no new lines to OpenDKIM's group, as an
// installer may have left it to root alone.
func settle(path string, owner Owner) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	ours := int(info.Sys().(*syscall.Stat_t).Gid) == owner.GID
	switch mode := info.Mode().Perm(); {
	case owner.GID < 0, mode&0o004 != 0, ours && mode&0o040 != 0:
		return nil
	}
	return errors.Join(os.Chown(path, -1, owner.GID), os.Chmod(path, tableMode))
}

func fill(f *os.File, text []byte, owner Owner) error {
	if err := f.Chown(-1, owner.GID); err != nil {
		return err
	}
	if err := f.Chmod(tableMode); err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.Sync()
}

// lockWait is how often a lock is tried that another run holds.
const lockWait = 50 * time.Millisecond

// lock waits until no other run works in the folder.
func lock(ctx context.Context, dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", dir, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("lock %s: another run is at work: %w", dir, ctx.Err())
		case <-time.After(lockWait):
		}
	}
}
