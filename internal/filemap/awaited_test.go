package filemap

import (
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"
)

// TestAwait: a file that is missing at start is an error, never "not found",
// and is read within a second of being there.
func TestAwait(t *testing.T) {
	inBubble(t, func(f *file) {
		o := Options{Log: slog.New(slog.NewTextHandler(&f.log, nil))}
		_, err := Open(f.path, o)
		if err == nil {
			f.Fatal("a file that is not there was opened")
		}
		m := Await(f.path, o, err)
		fails := func(want string) {
			f.Helper()
			if value, found, err := m.Lookup(f.Context(), "a"); err == nil || found || value != "" || !strings.Contains(err.Error(), want) {
				f.Errorf("got %q, %v, %v, want an error with %q", value, found, err, want)
			}
		}
		fails("no such file")
		if err := os.Mkdir(f.path, 0o755); err != nil {
			f.Fatal(err)
		}
		fails("no such file") // tried once per second
		time.Sleep(time.Second)
		fails("is not a regular file")
		f.remove()
		f.write("a 1\n")
		time.Sleep(time.Second)
		if value, found, err := m.Lookup(f.Context(), "a"); value != "1" || !found || err != nil {
			f.Errorf("got %q, %v, %v, want 1", value, found, err)
		}
		f.wantLog("opened at last")
		f.remove()
		time.Sleep(time.Second)
		if value, found, err := m.Lookup(f.Context(), "a"); value != "1" || !found || err != nil {
			f.Errorf("after it is gone again: %q, %v, %v, want the last good content", value, found, err)
		}
	})
}
