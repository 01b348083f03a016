package srsd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

const (
	maxSecretsFile = 1 << 20
	maxSecret      = 1023 // bytes of a line; PostSRSd cuts longer ones into several secrets
	dateLayout     = "2006-01-02"
)

// ErrOpenToOthers says that a secrets file can be read by every user of the
// host.
var ErrOpenToOthers = errors.New("readable by every user of this host")

// ReadSecrets reads a secrets file as PostSRSd does. The error is
// ErrOpenToOthers beside good secrets if the file should be closed.
func ReadSecrets(path string) ([]Secret, error) {
	text, mode, err := readSecretsFile(path)
	if err != nil {
		return nil, err
	}
	var secrets []Secret
	for line := range bytes.Lines(text) {
		for len(line) > 0 {
			piece := line[:min(len(line), maxSecret)]
			line = line[len(piece):]
			if end := bytes.IndexAny(piece, "\r\n\x00"); end >= 0 {
				piece = piece[:end]
			}
			if len(piece) > 0 {
				secrets = append(secrets, Secret{Text: bytes.Clone(piece)})
			}
		}
	}
	if len(secrets) == 0 {
		return nil, errNoSecret(path)
	}
	if mode&0o004 != 0 {
		return secrets, openToOthers(path, mode)
	}
	return secrets, nil
}

// ReadDatedSecrets reads a secrets file of the native face.
func ReadDatedSecrets(path string, now time.Time) ([]Secret, error) {
	text, mode, err := readSecretsFile(path)
	if err != nil {
		return nil, err
	}
	if mode&0o007 != 0 {
		return nil, openToOthers(path, mode)
	}
	secrets, err := ParseDatedSecrets(path, text)
	if err != nil {
		return nil, err
	}
	if r := (&Ring{secrets: secrets}); r.signer(now) < 0 {
		return nil, fmt.Errorf("secrets: %s: no line signs today, every date is in the future: date one %s or earlier", path, now.UTC().Format(dateLayout))
	}
	return secrets, nil
}

// ParseDatedSecrets reads the text of a secrets file of the native face, which
// came from path.
func ParseDatedSecrets(path string, text []byte) ([]Secret, error) {
	var secrets []Secret
	n := 0
	for line := range bytes.Lines(text) {
		n++
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			continue
		}
		s, err := parseSecret(line)
		if err != nil {
			return nil, fmt.Errorf("secrets: %s:%d: %w", path, n, err)
		}
		secrets = append(secrets, s)
	}
	if len(secrets) == 0 {
		return nil, errNoSecret(path)
	}
	return secrets, nil
}

// parseSecret reads a line with or without a date.
func parseSecret(line []byte) (Secret, error) {
	switch {
	case len(line) > maxSecret:
		return Secret{}, fmt.Errorf("a secret of %d bytes: at most %d are read", len(line), maxSecret)
	case bytes.IndexByte(line, 0) >= 0:
		return Secret{}, errors.New("a NUL byte: a secret is one line of text, such as `openssl rand -hex 32` makes")
	case !looksDated(line):
		return Secret{Text: bytes.Clone(line)}, nil
	}
	from, err := time.Parse(dateLayout, string(line[:len(dateLayout)]))
	if err != nil {
		return Secret{}, fmt.Errorf("%s is no day of the calendar: write YYYY-MM-DD, the first day on which the secret signs", line[:len(dateLayout)])
	}
	text := bytes.TrimLeft(line[len(dateLayout):], " \t")
	if len(text) == 0 {
		return Secret{}, errors.New("a date without a secret: write both on one line, date first")
	}
	return Secret{Text: bytes.Clone(text), From: from}, nil
}

// looksDated reports whether a line begins with 0000-00-00 and a blank, or is
// nothing but that.
func looksDated(line []byte) bool {
	if len(line) < len(dateLayout) {
		return false
	}
	for i, c := range []byte("dddd-dd-dd") {
		if c == '-' && line[i] != '-' || c == 'd' && (line[i] < '0' || line[i] > '9') {
			return false
		}
	}
	rest := line[len(dateLayout):]
	return len(rest) == 0 || rest[0] == ' ' || rest[0] == '\t'
}

// readSecretsFile reads the whole file, within bounds.
func readSecretsFile(path string) ([]byte, fs.FileMode, error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, fmt.Errorf("secrets: %w: make it with `postern srs rotate`, or `(umask 077; openssl rand -hex 32 >%s)`", err, path)
	case err != nil:
		return nil, 0, fmt.Errorf("secrets: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, fmt.Errorf("secrets: %w", err)
	}
	if info.IsDir() {
		return nil, 0, fmt.Errorf("secrets: %s is a directory: name the file in it", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecretsFile+1))
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("secrets: %w", err)
	case len(text) > maxSecretsFile:
		return nil, 0, fmt.Errorf("secrets: %s has more than %d bytes: is it the right file?", path, maxSecretsFile)
	}
	return text, info.Mode().Perm(), nil
}

func errNoSecret(path string) error {
	return fmt.Errorf("secrets: %s holds no secret: write a line of random text, such as `openssl rand -hex 32` makes", path)
}

func openToOthers(path string, mode fs.FileMode) error {
	return fmt.Errorf("secrets: %s has mode %04o: %w: run `chmod o= %s`; if it was so for long, `postern srs rotate` as well", path, mode, ErrOpenToOthers, path)
}
