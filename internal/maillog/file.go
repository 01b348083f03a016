package maillog

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Open opens a log, compressed by gzip or not, as its first bytes tell; "-" is
// stdin.
func Open(path string, stdin io.Reader) (io.ReadCloser, error) {
	if path == "-" {
		r, err := plain(stdin)
		if err != nil {
			return nil, fmt.Errorf("log: standard input: %w", err)
		}
		return io.NopCloser(r), nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	r, err := plain(file)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("log: %s: %w", path, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{r, file}, nil
}

// plain uncompresses, or says who else must.
func plain(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	head, err := b.Peek(6)
	if err != nil && err != io.EOF {
		return nil, err
	}
	for magic, reader := range map[string]string{"\xfd7zXZ\x00": "xzcat", "\x28\xb5\x2f\xfd": "zstdcat", "BZh": "bzcat"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return nil, fmt.Errorf("it is compressed, but not by gzip: hand it over as text, by %s FILE | … --log -", reader)
		}
	}
	if bytes.HasPrefix(head, []byte("\x1f\x8b")) {
		return gzip.NewReader(b)
	}
	return b, nil
}

// File has each be called for every event of a log until it returns an error,
// ctx ends, or the log does. The stats are of what was read until then.
func File(ctx context.Context, path string, stdin io.Reader, o Options, each func(Event) error) (Stats, error) {
	file, err := Open(path, stdin)
	if err != nil {
		return Stats{}, err
	}
	defer file.Close()
	r := NewReader(stopped{ctx, file}, o)
	for {
		e, err := r.Next()
		if err == io.EOF {
			return r.Stats(), nil
		}
		if err != nil {
			return r.Stats(), fmt.Errorf("log: %s: %w", path, err)
		}
		if err := each(e); err != nil {
			return r.Stats(), err
		}
	}
}

// stopped is a reader that ends with its context.
type stopped struct {
	ctx context.Context
	r   io.Reader
}

func (s stopped) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// Rotated is a log with what logrotate(8) made of its past, oldest first:
// path.2.gz, path.1, path, or path-20261101.gz, path. A log that is not there
// is an error, its past is what there is.
func Rotated(path string) ([]string, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil && !errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("log: %w", err)
	}
	var numbered, dated []string
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), filepath.Base(path))
		rest = strings.TrimSuffix(rest, ".gz")
		switch {
		case !ok || len(rest) < 2 || strings.Trim(rest[1:], "0123456789") != "":
		case rest[0] == '.':
			numbered = append(numbered, filepath.Join(filepath.Dir(path), e.Name()))
		case rest[0] == '-' && len(rest) >= 9:
			dated = append(dated, filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
	slices.Sort(dated)
	slices.SortStableFunc(numbered, func(a, b string) int { return number(b) - number(a) })
	return slices.Concat(numbered, dated, []string{path}), nil
}

// number is the N of PATH.N and PATH.N.gz.
func number(path string) int {
	path = strings.TrimSuffix(path, ".gz")
	n, _ := strconv.Atoi(path[strings.LastIndexByte(path, '.')+1:]) // one too big comes in any order
	return n
}
