package migrate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"postern/internal/config"
	"postern/internal/postconf"
)

// Apply writes the files of the plan, then main.cf and master.cf. Every file
// that is replaced stays under its name with ".before-postern-" and the time.
// It starts and reloads nothing. After an error everything is as it was.
func (p *Plan) Apply(ctx context.Context, now time.Time) (backups []string, err error) {
	unlock, err := lock(p.options.Dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	staged, err := p.stage(ctx)
	if err != nil {
		return nil, err
	}
	return p.write(slices.Concat(p.Files, staged), now)
}

// Prepare is the first half of Apply: it writes postern.yaml and what that
// names, and leaves Postfix alone.
func (p *Plan) Prepare(now time.Time) (backups []string, err error) {
	unlock, err := lock(p.options.Dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return p.write(p.Files, now)
}

// write replaces the files that have another content, all or none.
func (p *Plan) write(all []File, now time.Time) (backups []string, err error) {
	stamp := now.UTC().Format("20060102T150405Z")
	var done []replaced
	for _, f := range secretsFirst(all) {
		if real, err := filepath.EvalSymlinks(f.Path); err == nil {
			f.Path = real // a copy beside the link could be on another file system
		}
		if same, err := holds(f); same || err != nil {
			if err != nil {
				return nil, undo(done, err)
			}
			continue
		}
		one := replaced{path: f.Path}
		if one.backup, err = keep(f.Path, stamp); err == nil {
			done = append(done, one)
			err = replace(f)
		}
		if err != nil {
			return nil, undo(done, err)
		}
		if one.backup != "" {
			backups = append(backups, one.backup)
		}
	}
	if _, err := config.Load(p.options.Config); err != nil {
		return nil, undo(done, fmt.Errorf("postern.yaml after it was written: %w", err))
	}
	return backups, nil
}

// secretsFirst has postern.yaml come after what it names: to a run that goes on
// after one that was killed, a postern.yaml says that its secrets are there.
func secretsFirst(files []File) []File {
	sorted := slices.Clone(files)
	slices.SortStableFunc(sorted, func(a, b File) int {
		switch {
		case a.Secret == b.Secret:
			return 0
		case a.Secret:
			return -1
		}
		return 1
	})
	return sorted
}

// replaced is a file that was written, and what was there before.
type replaced struct {
	path, backup string // no backup: there was no file
}

// undo puts everything back as it was after err.
func undo(done []replaced, err error) error {
	errs := []error{err}
	for _, r := range slices.Backward(done) {
		if r.backup == "" {
			if gone := os.Remove(r.path); !errors.Is(gone, fs.ErrNotExist) {
				errs = append(errs, gone)
			}
			continue
		}
		errs = append(errs, os.Rename(r.backup, r.path))
	}
	return errors.Join(errs...)
}

// lock keeps a second migration of the same directory out.
func lock(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		d.Close()
		return nil, fmt.Errorf("%s: another migration is at work there", dir)
	}
	return func() { d.Close() }, nil
}

// stage edits a copy of main.cf and master.cf with postconf(1), which keeps
// comments and order, and reads it back.
func (p *Plan) stage(ctx context.Context) ([]File, error) {
	dir, err := os.MkdirTemp("", "postern-migrate-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var files []File
	for _, path := range []string{p.postfix.MainFile, p.postfix.MasterFile} {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), content, 0o600); err != nil {
			return nil, err
		}
	}
	if err := p.checkStaged(dir, p.undone()); err != nil {
		return nil, fmt.Errorf("it was changed since it was read: run the migration again: %w", err)
	}
	for _, group := range groups(p.Edits) {
		if _, err := p.options.Postconf.Run(ctx, dir, append([]string{group.option}, group.args...)...); err != nil {
			return nil, err
		}
	}
	if err := p.checkStaged(dir, p.Edits); err != nil {
		return nil, fmt.Errorf("after the change: %w", err)
	}
	for _, path := range []string{p.postfix.MainFile, p.postfix.MasterFile} {
		content, err := os.ReadFile(filepath.Join(dir, filepath.Base(path)))
		if err != nil {
			return nil, err
		}
		files = append(files, File{Path: path, Mode: 0o644, Content: content})
	}
	return files, nil
}

// checkStaged makes sure that the copy says what edits lead to.
func (p *Plan) checkStaged(dir string, edits []Edit) error {
	c, err := postconf.Open(dir, postconf.Builtin())
	if err != nil {
		return err
	}
	for _, e := range edits {
		view := c.View(nil)
		if e.Service != "" {
			name, kind, _ := cutLast(e.Service, '/')
			view = c.View(c.Service(name, kind))
		}
		entry, set := view.Entry(e.Name)
		if view.Service() != nil { // its own -o, not what main.cf says
			entry, set = view.Service().Override(e.Name)
		}
		if set != e.IsSet || set && entry.Raw != e.New {
			return fmt.Errorf("%s: it says %.200q, the plan has %.200q", strings.TrimSpace(e.Service+" "+e.Name), entry.Raw, e.New)
		}
	}
	return nil
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == sep {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// holds reports whether a file has its content already.
func holds(f File) (bool, error) {
	old, err := os.ReadFile(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && bytes.Equal(old, f.Content), err
}
