package scratch

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// folderPrefix marks our folders. It is short: the path of a unix socket in
// one must fit into 107 bytes (sun_path of unix(7)).
const folderPrefix = "postern-"

// folder is a scratch folder that others recognise as in use by the lock on it.
type folder struct {
	path string
	lock *os.File
}

// newFolder makes a locked scratch folder in parent, mode 0755 so that servers
// with users of their own can pass through it. Before that it removes what a
// crashed run left behind; halt stops what may still run there.
func newFolder(parent, kind string, halt func(path string)) (*folder, error) {
	sweep(parent, kind, halt)
	path, err := os.MkdirTemp(parent, folderPrefix+kind+"-")
	if err != nil {
		return nil, fmt.Errorf("scratch folder: %w", err)
	}
	lock, err := lockFolder(path)
	if err != nil {
		os.RemoveAll(path)
		return nil, fmt.Errorf("scratch folder: lock %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o755); err != nil {
		lock.Close()
		os.RemoveAll(path)
		return nil, fmt.Errorf("scratch folder: %w", err)
	}
	return &folder{path: path, lock: lock}, nil
}

// remove deletes the folder and gives up the lock.
func (f *folder) remove() error {
	err := os.RemoveAll(f.path)
	f.lock.Close()
	return err
}

// lockFolder takes the lock, which ends with the process that holds it.
func lockFolder(path string) (*os.File, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

// sweep removes folders of ours that nobody locks. Young ones are spared, they
// may be about to be locked.
func sweep(parent, kind string, halt func(path string)) {
	paths, _ := filepath.Glob(filepath.Join(parent, folderPrefix+kind+"-*"))
	for _, path := range paths {
		info, err := os.Lstat(path)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < time.Minute || !ownedByUs(info) {
			continue
		}
		if lock, err := lockFolder(path); err == nil {
			halt(path)
			os.RemoveAll(path)
			lock.Close()
		}
	}
}

// nothingRuns is for folders whose servers the kernel stops with us.
func nothingRuns(string) {}

// ownedByUs guards sweep against a folder that another user prepared.
func ownedByUs(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
