package postsrsd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// readFile reads a whole file, up to a limit of bytes.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", bare(err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", bare(err))
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("has more than %d bytes: that is no configuration file", limit)
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
