package daemon_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"postern/internal/daemon"
)

func TestLoggerFormats(t *testing.T) {
	for _, format := range []string{"text", "json", ""} {
		t.Run(format, func(t *testing.T) {
			var b bytes.Buffer
			log, err := daemon.NewLogger(&b, format, slog.LevelWarn, nil)
			if err != nil {
				t.Fatal(err)
			}
			log.Info("too low")
			log.Warn("high enough", "key", "a b")
			if format == "json" {
				var line map[string]any
				if err := json.Unmarshal(b.Bytes(), &line); err != nil || line["msg"] != "high enough" || line["key"] != "a b" || line["time"] == nil {
					t.Errorf("%s: %v", &b, err)
				}
			} else if !regexp.MustCompile(`^time=\S+ level=WARN msg="high enough" key="a b"\n$`).MatchString(b.String()) {
				t.Errorf("%q", b.String())
			}
		})
	}
	_, err := daemon.NewLogger(&bytes.Buffer{}, "xml", slog.LevelInfo, nil)
	wantError(t, err, `log: format "xml": want text or json`)
}

// journal is a file that JOURNAL_STREAM names, as stderr is under systemd.
func journal(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", st.Dev, st.Ino))
	return f
}

func TestLoggerUnderTheJournal(t *testing.T) {
	f := journal(t)
	log, err := daemon.NewLogger(f, "text", slog.LevelDebug, nil)
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("d")
	log.With("a", 1).Info("i", "time", "kept")
	log.WithGroup("g").Warn("w", "time", "kept", "b", 2)
	log.Error("e\nsecond line")
	got, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	want := `<7>level=DEBUG msg=d
<6>level=INFO msg=i a=1 time=kept
<4>level=WARN msg=w g.time=kept g.b=2
<3>level=ERROR msg="e\nsecond line"
`
	if string(got) != want {
		t.Errorf("the journal reads\n%s\nwant\n%s", got, want)
	}
}

// Lines of JSON have a priority, too, which the journal takes off, and keep the
// time: journalctl -o cat shows none.
func TestJSONUnderTheJournal(t *testing.T) {
	f := journal(t)
	log, err := daemon.NewLogger(f, "json", slog.LevelDebug, nil)
	if err != nil {
		t.Fatal(err)
	}
	log.Warn("w", "sender", "a\u202eb")
	got, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^<4>\{"time":"[^"]+","level":"WARN","msg":"w","sender":"a\\u202eb"\}\n$`).Match(got) {
		t.Errorf("%q", got)
	}
}

// JOURNAL_STREAM is inherited by processes whose output goes elsewhere.
func TestLoggerBesideTheJournal(t *testing.T) {
	journal(t)
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	log, err := daemon.NewLogger(f, "text", slog.LevelInfo, nil)
	if err != nil {
		t.Fatal(err)
	}
	log.Info("hello")
	if got, _ := os.ReadFile(f.Name()); !bytes.HasPrefix(got, []byte("time=")) {
		t.Errorf("%q", got)
	}
}
