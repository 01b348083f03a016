package statefile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Format is what a file holds.
type Format struct {
	Name    string // one word
	Version int    // that Write writes; 1 or more. Read takes it and older ones
}

// Errors of Read and Peek. After Read the file has another name, and the state
// is empty.
var (
	ErrDamaged = errors.New("damaged state file")
	ErrNewer   = errors.New("state file of a newer version")
)

const (
	checksumSize = 4
	maxFirstLine = 100
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Write replaces the file by one with the body that write writes. An error
// leaves the old file as it was.
func (f Format) Write(path string, write func(io.Writer) error) error {
	err := Replace(path, 0o600, func(w io.Writer) error {
		sum := crc32.New(castagnoli)
		both := io.MultiWriter(w, sum)
		if _, err := fmt.Fprintf(both, "postern %s %d\n", f.Name, f.Version); err != nil {
			return err
		}
		if err := write(both); err != nil {
			return err
		}
		_, err := w.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32()))
		return err
	})
	if err != nil {
		return fmt.Errorf("write state file %s: the old one is kept: %w", path, err)
	}
	return nil
}

// Read hands the body of the file to read, when the whole file was found to be
// sound, with its version: f.Version or an older one. An error of read means
// that the file is damaged. Errors are fs.ErrNotExist, which is no trouble,
// ErrDamaged and ErrNewer, after which the file was set aside, and trouble of
// the disk.
func (f Format) Read(path string, read func(version int, body io.Reader) error) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	removeLeftovers(path)
	err := f.read(path, read)
	switch {
	case errors.Is(err, ErrDamaged):
		return setAside(path, ".damaged", err)
	case errors.Is(err, ErrNewer):
		return setAside(path, ".newer", err)
	case err != nil:
		return fmt.Errorf("read state file: %w", err)
	}
	return nil
}

// Peek is Read for who does not own the file: whatever is wrong, the file stays
// where it is, and so does what its owner is writing at this moment.
func (f Format) Peek(path string, read func(version int, body io.Reader) error) error {
	if err := f.read(path, read); err != nil {
		return fmt.Errorf("read state file: %w", err)
	}
	return nil
}

func (f Format) read(path string, read func(version int, body io.Reader) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &fs.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	}
	r := &disk{file: file}
	version, first, err := f.check(r, info.Size())
	if err != nil {
		return r.judge(err)
	}
	if _, err := file.Seek(first, io.SeekStart); err != nil {
		return err
	}
	body := io.LimitReader(bufio.NewReaderSize(r, 64<<10), info.Size()-first-checksumSize)
	if err := read(version, body); err != nil {
		return r.judge(fmt.Errorf("body of version %d: %w", version, err))
	}
	return nil
}

// check reads the whole file once. first is where the body begins.
func (f Format) check(r io.Reader, size int64) (version int, first int64, err error) {
	sum := crc32.New(castagnoli)
	all := bufio.NewReaderSize(r, 64<<10)
	line, err := firstLine(all)
	if err != nil {
		return 0, 0, err
	}
	if version, err = f.version(line); err != nil {
		return 0, 0, err
	}
	first = int64(len(line))
	sum.Write([]byte(line))
	if size < first+checksumSize {
		return 0, 0, errors.New("it ends before its checksum")
	}
	return version, first, checkSum(all, sum, size-first-checksumSize)
}

func checkSum(r io.Reader, sum hash.Hash32, body int64) error {
	if _, err := io.CopyN(sum, r, body); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	var want [checksumSize]byte
	if _, err := io.ReadFull(r, want[:]); err != nil {
		return fmt.Errorf("checksum: %w", err)
	}
	if sum.Sum32() != binary.LittleEndian.Uint32(want[:]) {
		return errors.New("wrong checksum: it was torn or changed")
	}
	return nil
}

// firstLine includes its newline.
func firstLine(r *bufio.Reader) (string, error) {
	var line []byte
	for len(line) < maxFirstLine {
		c, err := r.ReadByte()
		if err != nil {
			return "", fmt.Errorf("first line: %w", err)
		}
		if line = append(line, c); c == '\n' {
			return string(line), nil
		}
	}
	return "", fmt.Errorf("first line: %.40q is not one of a state file", line)
}

// version reads the first line. It is believed before the checksum is looked
// at, for a newer version may have another one.
func (f Format) version(line string) (int, error) {
	word, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "postern "+f.Name+" ")
	if !ok {
		return 0, fmt.Errorf("first line: %.40q is not one of the format %s", line, f.Name)
	}
	version, err := strconv.Atoi(word)
	switch {
	case err != nil || version < 1:
		return 0, fmt.Errorf("first line: %.40q is not a version", word)
	case version > f.Version:
		return 0, fmt.Errorf("%w: it has version %d, this release reads up to %d", ErrNewer, version, f.Version)
	}
	return version, nil
}

// disk remembers trouble of the disk, which says nothing about the file.
type disk struct {
	file *os.File
	err  error
}

func (d *disk) Read(p []byte) (int, error) {
	n, err := d.file.Read(p)
	if err != nil && err != io.EOF {
		d.err = err
	}
	return n, err
}

// judge tells trouble of the disk from damage.
func (d *disk) judge(err error) error {
	if d.err != nil {
		return d.err
	}
	if errors.Is(err, ErrNewer) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

func setAside(path, suffix string, cause error) error {
	if err := os.Rename(path, path+suffix); err != nil {
		return fmt.Errorf("%w (and it cannot be set aside: %w)", cause, err)
	}
	return fmt.Errorf("%w: kept as %s", cause, path+suffix)
}
