package main

import (
	"log/slog"
	"os"
	"strconv"
	"time"
)

// clock is the time of day, or what the variable of that name fixes it to
// (Unix seconds), for tests of what depends on the day.
func clock(variable string, log *slog.Logger) (func() time.Time, error) {
	text := os.Getenv(variable)
	if text == "" {
		return time.Now, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, usage("%s=%q is no time: write Unix seconds", variable, text)
	}
	log.Warn("the clock of SRS stands still: addresses made now may never verify", "variable", variable, "seconds", seconds)
	fixed := time.Unix(seconds, 0)
	return func() time.Time { return fixed }, nil
}
