package scratch

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"syscall"
)

// runCommand runs cmd to its end and returns what it printed on both outputs.
func runCommand(ctx context.Context, cmd *exec.Cmd) (string, error) {
	var out bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	cmd.Stderr = &out
	p, err := startProcess(cmd)
	if err != nil {
		return "", err
	}
	select {
	case <-p.done:
		return out.String(), p.err
	case <-ctx.Done():
		syscall.Kill(-p.pid(), syscall.SIGKILL) // the children of a script, too
		<-p.done
		return out.String(), ctx.Err()
	}
}

// tail is the end of a text, for an error message.
func tail(s string, n int) string {
	s = strings.TrimSpace(s)
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// quoteSQL writes s as a string literal of MariaDB's.
func quoteSQL(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'"
}

// quoteName writes s as an identifier of MariaDB's.
func quoteName(s string) string {
	return "`" + strings.ReplaceAll(s, "`", "``") + "`"
}
