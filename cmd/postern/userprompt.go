package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// maxPasswordLine bounds what is read from standard input.
const maxPasswordLine = 4096

// readPassword reads a new password: from standard input if asked to, else
// from the terminal, twice.
func readPassword(cmd *cobra.Command, stdin bool, login string) (string, error) {
	if stdin {
		return passwordLine(cmd.InOrStdin())
	}
	file, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return "", usage("user: standard input is no terminal: --password-stdin reads the password from it")
	}
	return promptPassword(file, cmd.ErrOrStderr(), login)
}

// passwordLine reads one line, and no more than that.
func passwordLine(in io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxPasswordLine+1))
	if err != nil {
		return "", temporary(fmt.Errorf("user: read the password: %w", err))
	}
	line := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	switch {
	case len(text) > maxPasswordLine:
		return "", usage("user: standard input has more than %d bytes: write the password alone, on one line", maxPasswordLine)
	case strings.ContainsAny(line, "\r\n"):
		return "", usage("user: standard input has several lines: write the password alone")
	}
	return line, nil
}

// promptPassword asks twice. An interruption leaves the terminal as it was.
func promptPassword(terminal *os.File, out io.Writer, login string) (string, error) {
	before, err := term.GetState(int(terminal.Fd()))
	if err != nil {
		return "", temporary(fmt.Errorf("user: terminal: %w", err))
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(interrupted)
	type answer struct {
		secret string
		err    error
	}
	answers := make(chan answer, 1)
	go func() {
		secret, err := askTwice(terminal, out, login)
		answers <- answer{secret, err}
	}()
	select {
	case a := <-answers:
		return a.secret, a.err
	case <-interrupted:
		err := term.Restore(int(terminal.Fd()), before)
		fmt.Fprintln(out)
		return "", &exitError{exitNo, errors.Join(errors.New("user: interrupted: nothing was changed"), err)}
	}
}

func askTwice(terminal *os.File, out io.Writer, login string) (string, error) {
	var typed [2]string
	for i, prompt := range []string{fmt.Sprintf("New password of %s: ", printableText(login)), "Once more: "} {
		fmt.Fprint(out, prompt)
		secret, err := term.ReadPassword(int(terminal.Fd()))
		fmt.Fprintln(out)
		if err != nil {
			return "", temporary(fmt.Errorf("user: read the password: %w", err))
		}
		typed[i] = string(secret)
	}
	if typed[0] != typed[1] {
		return "", &exitError{exitNo, errors.New("user: the two are not the same: nothing was changed")}
	}
	return typed[0], nil
}
