package watch

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// sum is a checksum of a content; the zero value is that of no content.
type sum [sha256.Size]byte

// sumOf reads the file at path. It does not wait for the writer of a pipe.
func sumOf(path string) (sum, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return sum{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return sum{}, fmt.Errorf("%s: %w", path, err)
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return sum{}, err
	}
	return sum(hash.Sum(nil)), nil
}
