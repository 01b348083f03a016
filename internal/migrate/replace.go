package migrate

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"postern/internal/statefile"
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

// replace writes a file and puts it in the place of the old one, so that no
// reader sees half of it. Owner and mode of a file that exists stay, but for the
// mode of a secret.
func replace(f File) error {
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(f.Mode)
	info, err := os.Stat(f.Path)
	switch {
	case err == nil && !f.Secret:
		mode = info.Mode().Perm()
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return statefile.Replace(f.Path, mode, func(w io.Writer) error {
		_, err := w.Write(f.Content)
		return err
	})
}

// fill writes a new file to the disk and closes it, with owner and mode of
// like.
func fill(f *os.File, content []byte, like fs.FileInfo) error {
	owner, ok := like.Sys().(*syscall.Stat_t)
	var err error
	if ok && os.Geteuid() == 0 {
		err = f.Chown(int(owner.Uid), int(owner.Gid))
	}
	if err == nil {
		err = f.Chmod(like.Mode().Perm())
	}
	if err == nil {
		_, err = f.Write(content)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
