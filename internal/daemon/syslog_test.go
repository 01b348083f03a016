package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// listenSyslog is a syslog daemon's socket, and what reads the next line of it.
func listenSyslog(t *testing.T) (path string, next func() string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "log")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return path, func() string {
		t.Helper()
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, 64<<10)
		n, err := conn.Read(line)
		if err != nil {
			t.Fatalf("no line came: %v", err)
		}
		return string(line[:n])
	}
}

// TestSyslogLines: facility mail (2), the priority of the level, tag and pid,
// and no time or level in the text, which syslog has.
func TestSyslogLines(t *testing.T) {
	path, next := listenSyslog(t)
	var level slog.LevelVar
	level.Set(slog.LevelDebug)
	log, err := newSyslogLogger("unixgram", path, "postsrsd", &level)
	if err != nil {
		t.Fatal(err)
	}
	withAttrs, inGroup := log.With("worker", 7), log.WithGroup("srs")
	const facility = 2 << 3
	for _, test := range []struct {
		log      func(msg string, args ...any)
		priority int
		text     string
	}{
		{log.Debug, facility + 7, `msg="a line" address=x`},
		{log.Info, facility + 6, `msg="a line" address=x`},
		{log.Warn, facility + 4, `msg="a line" address=x`},
		{log.Error, facility + 3, `msg="a line" address=x`},
		{withAttrs.Warn, facility + 4, `msg="a line" worker=7 address=x`},
		{inGroup.Error, facility + 3, `msg="a line" srs.address=x`},
	} {
		test.log("a line", "address", "x")
		want := fmt.Sprintf(`^<%d>\w{3} [ \d]\d \d\d:\d\d:\d\d postsrsd\[%d\]: %s\n$`, test.priority, os.Getpid(), regexp.QuoteMeta(test.text))
		if got := next(); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("got %q, want %s", got, want)
		}
	}
}

// TestSyslogLevel: a level that changes later counts.
func TestSyslogLevel(t *testing.T) {
	path, next := listenSyslog(t)
	var level slog.LevelVar
	log, err := newSyslogLogger("unixgram", path, "postsrsd", &level)
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("too fine")
	level.Set(slog.LevelDebug)
	log.Debug("fine")
	if got := next(); !strings.Contains(got, "msg=fine") {
		t.Errorf("got %q", got)
	}
}

// TestSyslogOneLineEach: a line is one packet, also with newlines in a value
// and when many write at once.
func TestSyslogOneLineEach(t *testing.T) {
	path, next := listenSyslog(t)
	log, err := newSyslogLogger("unixgram", path, "postsrsd", slog.LevelInfo)
	if err != nil {
		t.Fatal(err)
	}
	const writers = 20
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() { log.With("i", i).Info("many", "address", "a\nb") })
	}
	seen := map[string]bool{}
	for range writers {
		line := next()
		seen[line] = true
		if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, `address="a\nb"`+"\n") {
			t.Errorf("got %q", line)
		}
	}
	all.Wait()
	if len(seen) != writers {
		t.Errorf("%d different lines, want %d", len(seen), writers)
	}
}

// TestSyslogMissing: there is nobody to log to, and the error says so.
func TestSyslogMissing(t *testing.T) {
	_, err := newSyslogLogger("unixgram", filepath.Join(t.TempDir(), "none"), "postsrsd", slog.LevelInfo)
	if !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "log: ") {
		t.Errorf("got %v", err)
	}
}
