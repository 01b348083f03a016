package incident

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Programs runs Postfix's programs, from PATH or the folder where Debian has
// them.
func Programs(ctx context.Context, stdin string, read func(io.Reader) error, program string, args ...string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		path = filepath.Join("/usr/sbin", program)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdin = strings.NewReader(stdin)
	stderr := &tail{limit: 4 << 10}
	cmd.Stderr = stderr
	if read == nil {
		err := cmd.Run()
		return stderr.String(), err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	unread := read(out)
	_, _ = io.Copy(io.Discard, out) // so that it can end
	err = errors.Join(unread, cmd.Wait())
	return stderr.String(), err
}

// tail keeps the end of what is written.
type tail struct {
	bytes.Buffer
	limit int
}

func (t *tail) Write(p []byte) (int, error) {
	t.Buffer.Write(p)
	if over := t.Len() - t.limit; over > 0 {
		t.Next(over)
	}
	return len(p), nil
}
