package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"syscall"

	"postern/internal/daemon"
	"postern/internal/supervise"
	"postern/internal/watch"
)

// runPostSRSd stands in for PostSRSd: a parent that keeps privileges, files and
// listeners, and a worker for each load.
func runPostSRSd(ctx context.Context, file postsrsdFile, stderr io.Writer) (err error) {
	defer func() { tellForeground(err) }()
	var level slog.LevelVar
	log, err := daemon.NewLogger(stderr, "text", &level, nil)
	if err != nil {
		return badConfig(err)
	}
	first, err := file.read(ctx, slog.New(slog.DiscardHandler)) // load reads again, and warns
	if err != nil {
		return err
	}
	if first.daemonize && os.Getenv(inBackground) == "" {
		_, _ = file.read(ctx, log) // warns while somebody looks on
		return goToBackground(ctx)
	}
	if log, err = postsrsdLogger(stderr, &first.settings, &level); err != nil {
		return temporary(err)
	}
	if _, err := clock(clockVariable(first.settings.Generation), log); err != nil {
		return err
	}
	files := &watch.Files{Changed: hangUp, Log: log}
	loader := &postsrsdLoader{file: file, sockets: daemon.Inherit(), log: log, files: files}
	parent := &supervise.Parent{
		Command:  supervise.Self("srsd", "--worker"),
		Load:     loader.load,
		Log:      log,
		LameDuck: lameDuck,
	}
	process := daemon.Process{Log: log, Reload: parent.Reload}
	err = process.Run(ctx, func(ctx context.Context, ready func()) error {
		defer inBetween(ctx, files.Run)()
		return parent.Run(ctx, func() {
			if err := writePIDFile(first.pidFile); err != nil {
				log.Warn("the PID file cannot be written: who waits for it waits in vain", "error", err)
			}
			leaveForeground()
			ready()
		})
	})
	return errors.Join(asTemporary(err), removePIDFile(first.pidFile))
}

func asTemporary(err error) error {
	var known *exitError
	if err == nil || errors.As(err, &known) {
		return err
	}
	return temporary(err)
}

// inBetween runs f until end is called, which waits for it.
func inBetween(ctx context.Context, f func(context.Context)) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); f(ctx) }()
	return func() { cancel(); <-done }
}

// hangUp has this process reload, as if somebody had asked for it.
func hangUp() { _ = syscall.Kill(os.Getpid(), syscall.SIGHUP) }

// writePIDFile writes the number of the parent.
func writePIDFile(path string) error {
	if path == "" {
		return nil
	}
	return os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644)
}

// removePIDFile removes the file, if it is still ours.
func removePIDFile(path string) error {
	if path == "" {
		return nil
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != strconv.Itoa(os.Getpid())+"\n" {
		return nil
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("PID file: %w", err)
	}
	return nil
}
