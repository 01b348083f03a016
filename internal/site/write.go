package site

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// File is one file of the configuration of a host.
type File struct {
	Path   string // below the root, such as etc/postfix/main.cf
	Text   string
	Secret bool // has a password in it
}

// Write writes the files below root and names each that it wrote. A file that
// is there with other content is an error, before anything is written; with
// backup it is renamed to NAME.before-postern, once. Writing again what is there
// changes nothing.
func Write(root string, files []File, backup bool) (written []string, err error) {
	changed, err := changes(root, files, backup)
	if err != nil {
		return nil, err
	}
	for _, f := range changed {
		path := filepath.Join(root, f.Path)
		if err := put(path, f); err != nil {
			return written, fmt.Errorf("site: write %s: %w", path, err)
		}
		written = append(written, path)
	}
	return written, nil
}

// changes are the files that are not there as they should be.
func changes(root string, files []File, backup bool) ([]File, error) {
	var changed []File
	var faults []error
	for _, f := range files {
		path := filepath.Join(root, f.Path)
		old, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			changed = append(changed, f)
		case err != nil:
			faults = append(faults, fmt.Errorf("site: %w", err))
		case bytes.Equal(old, []byte(f.Text)):
		case !backup:
			faults = append(faults, fmt.Errorf("site: %s is there and differs: with --backup it is kept as %s", path, filepath.Base(kept(path))))
		default:
			changed = append(changed, f)
		}
	}
	return changed, errors.Join(faults...)
}

// kept is the name of the file that was there before ours.
func kept(path string) string { return path + ".before-postern" }

// put replaces a file in one step; its first other content is kept.
func put(path string, f File) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if f.Secret {
		mode = 0o640
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".site-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.WriteString(f.Text)
	if err := errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if err := os.Link(path, kept(path)); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("keep the old file: %w", err)
	}
	return os.Rename(temp.Name(), path)
}
