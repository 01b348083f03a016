package statefile

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Replace writes a file beside path, and puts it in its place when it is
// complete and on the disk. A symbolic link is followed, and the new file has
// owner and group of the old one. After an error the old file is as it was and
// nothing is left of the new one.
func Replace(path string, mode fs.FileMode, write func(io.Writer) error) (err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	removeLeftovers(path)
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			f.Close()
		}
	}()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return &fs.PathError{Op: "flock", Path: f.Name(), Err: err}
	}
	if err := keepOwner(f, path); err != nil {
		return err
	}
	if err := fill(f, mode, write); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	f.Close() // synchronised, and the lock held until the name was ours
	return syncFolder(filepath.Dir(path))
}

// keepOwner gives f to the owner and group of the file at path, if there is one
// and they are others.
func keepOwner(f *os.File, path string) error {
	var old, now unix.Stat_t
	if err := unix.Stat(path, &old); err != nil {
		return nil // there is none: a folder that cannot be searched shows when it is renamed
	}
	if err := unix.Fstat(int(f.Fd()), &now); err != nil {
		return &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	if old.Uid == now.Uid && old.Gid == now.Gid {
		return nil
	}
	return f.Chown(int(old.Uid), int(old.Gid))
}

// fill writes f and waits until it is on the disk.
func fill(f *os.File, mode fs.FileMode, write func(io.Writer) error) error {
	if err := f.Chmod(mode); err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 64<<10)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Sync()
}

// syncFolder makes a rename last.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// removeLeftovers removes the temporary files of path that a crash left: who
// still writes one holds its lock. What cannot be removed is left for the next
// time; it harms nobody.
func removeLeftovers(path string) {
	names, err := filepath.Glob(quoteMeta(path) + ".*.tmp")
	if err != nil {
		return
	}
	for _, name := range names {
		if strings.Trim(name[len(path)+1:len(name)-len(".tmp")], "0123456789") != "" {
			continue // somebody else's: os.CreateTemp puts digits there
		}
		f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err != nil {
			continue
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			os.Remove(name)
		}
		f.Close()
	}
}

// quoteMeta keeps Glob from reading a pattern into a path.
func quoteMeta(path string) string {
	quoted := make([]byte, 0, len(path)+8)
	for i := range len(path) {
		switch path[i] {
		case '*', '?', '[', '\\':
			quoted = append(quoted, '\\')
		}
		quoted = append(quoted, path[i])
	}
	return string(quoted)
}
