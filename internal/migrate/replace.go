package migrate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// keep copies a file to its backup, with mode and owner. A file that does not
// exist needs none; a backup that exists is not overwritten.
func keep(path, stamp string) (backup string, err error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	backup = path + ".before-postern-" + stamp
	f, err := os.OpenFile(backup, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("backup: %w", err)
	}
	err = fill(f, content, info)
	if err != nil {
		return "", fmt.Errorf("backup %s: %w", backup, errors.Join(err, os.Remove(backup)))
	}
	return backup, nil
}

// replace writes a file beside the old one and renames it, so that no reader
// sees half of it. Mode and owner of a file that exists stay; a link is
// followed.
func replace(f File) error {
	path := f.Path
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".")
	if err != nil {
		return err
	}
	if err := fill(temp, f.Content, info); err != nil {
		return fmt.Errorf("%s: %w", path, errors.Join(err, os.Remove(temp.Name())))
	}
	mode := fs.FileMode(f.Mode)
	if info != nil && !f.Secret {
		mode = info.Mode().Perm()
	}
	if err := os.Chmod(temp.Name(), mode); err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return syncFolder(filepath.Dir(path))
}

// fill writes a new file to the disk and closes it, with mode and owner of
// like if there is one.
func fill(f *os.File, content []byte, like fs.FileInfo) error {
	_, err := f.Write(content)
	if err == nil && like != nil {
		err = f.Chmod(like.Mode().Perm())
		if owner, ok := like.Sys().(*syscall.Stat_t); ok && err == nil && os.Geteuid() == 0 {
			err = f.Chown(int(owner.Uid), int(owner.Gid))
		}
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncFolder makes a rename last.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
