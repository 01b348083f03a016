package postsrsd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// readFile reads a whole file, up to a limit of bytes.
func readFile(path string, limit int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", bare(err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", bare(err))
	}
	if len(text) > limit {
		return nil, errTooLarge(limit)
	}
	return text, nil
}

// bare drops the path from an error of package os: the message has it already.
func bare(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
