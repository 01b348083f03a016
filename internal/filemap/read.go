package filemap

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
)

// restTime is how long a file must not have been written to before it is
// taken for complete; Postfix lets its texthash: files cool down as long.
const restTime = time.Second

// fingerprint tells two states of a file apart. The change time is in it
// because an editor may restore the modification time.
type fingerprint struct {
	dev, ino       uint64
	size           int64
	mtime, changed time.Time
}

func stat(path string) (fingerprint, error) {
	info, err := os.Stat(path)
	if err != nil {
		return fingerprint{}, fmt.Errorf("file map: %w", err)
	}
	return fingerprintOf(path, info)
}

func fingerprintOf(path string, info os.FileInfo) (fingerprint, error) {
	if !info.Mode().IsRegular() {
		return fingerprint{}, fmt.Errorf("file map: %s is not a regular file", path)
	}
	state := fingerprint{size: info.Size(), mtime: info.ModTime()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		state.dev, state.ino = uint64(sys.Dev), sys.Ino
		state.changed = time.Unix(sys.Ctim.Unix())
	}
	return state, nil
}

// hot returns how long to let the file rest; a time in the future, as after
// a clock was set back, counts as rest (texthash: does the same).
func (p fingerprint) hot(now time.Time) time.Duration {
	age := now.Sub(p.mtime)
	if age < 0 {
		return 0
	}
	return max(restTime-age, 0)
}

// read returns the text of a file and the state in which it was read.
func read(path string, maxSize int64) (string, fingerprint, error) {
	// O_NONBLOCK: a named pipe must not hold us up before we know it for one.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", fingerprint{}, fmt.Errorf("file map: %w", err)
	}
	defer f.Close()
	before, err := fingerprintOfOpen(path, f)
	if err != nil {
		return "", fingerprint{}, err
	}
	if before.size > maxSize {
		return "", before, tooLong(path, maxSize)
	}
	var text strings.Builder
	text.Grow(int(before.size))
	n, err := io.Copy(&text, io.LimitReader(f, maxSize+1))
	if err != nil {
		return "", before, fmt.Errorf("file map: %w", err)
	}
	if n > maxSize {
		return "", before, tooLong(path, maxSize)
	}
	after, err := fingerprintOfOpen(path, f)
	return text.String(), after, err
}

func fingerprintOfOpen(path string, f *os.File) (fingerprint, error) {
	info, err := f.Stat()
	if err != nil {
		return fingerprint{}, fmt.Errorf("file map: %w", err)
	}
	return fingerprintOf(path, info)
}

func tooLong(path string, maxSize int64) error {
	return fmt.Errorf("file map: %s is longer than %d bytes: a map of that size belongs in a database", path, maxSize)
}
