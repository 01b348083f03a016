package main

import (
	"errors"
	"fmt"

	"postern/internal/config"
)

// The exit statuses of sysexits.h and of postmap(1).
const (
	exitNo     = 1
	exitUsage  = 2
	exitTemp   = 75 // EX_TEMPFAIL
	exitConfig = 78 // EX_CONFIG
)

// exitError is an error with the status that the shell gets to see.
type exitError struct {
	status int
	err    error // nil: say nothing
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// no ends a command that found nothing.
func no() error { return &exitError{status: exitNo} }

// usage is a command line that cannot be meant so.
func usage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// temporary is trouble that may be gone in a moment.
func temporary(err error) error { return &exitError{exitTemp, err} }

// badConfig is trouble that only the operator can mend.
func badConfig(err error) error { return &exitError{exitConfig, err} }

// exitStatus is the status for err.
func exitStatus(err error) int {
	var e *exitError
	var c *config.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.status
	case errors.As(err, &c):
		return exitConfig
	}
	return exitTemp
}
