package maillog

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const line = "2026-11-01T17:24:45+01:00 mx postfix/qmgr[7]: 3F1A22C: removed\n"

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFile(t *testing.T) {
	whole := zipped(t, strings.Repeat(line, 1000))
	tests := []struct {
		name    string
		content []byte
		events  int64
		trouble string
	}{
		{"text", []byte(line + line), 2, ""},
		{"empty", nil, 0, ""},
		{"short", []byte("x"), 0, ""},
		{"gzip", whole, 1000, ""},
		{"gzip, several in one", slices.Concat(zipped(t, line), zipped(t, line)), 2, ""},
		{"gzip, cut", whole[:len(whole)-9], 1000, "unexpected EOF"},
		{"gzip, no header", whole[:5], 0, "unexpected EOF"},
		{"xz", []byte("\xfd7zXZ\x00\x00\x04"), 0, "by xzcat FILE"},
		{"zstd", []byte("\x28\xb5\x2f\xfd\x00\x00"), 0, "by zstdcat FILE"},
		{"bzip2", []byte("BZh91AY"), 0, "by bzcat FILE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "mail.log")
			if err := os.WriteFile(path, tt.content, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{path, "-"} {
				n := int64(0)
				stats, err := File(t.Context(), name, bytes.NewReader(tt.content), options(), func(Event) error { n++; return nil })
				if stats.Events != tt.events || n != tt.events {
					t.Errorf("%s: %d events of %+v, want %d", name, n, stats, tt.events)
				}
				if (err == nil) != (tt.trouble == "") || err != nil && !strings.Contains(err.Error(), tt.trouble) {
					t.Errorf("%s: error %v, want %q", name, err, tt.trouble)
				}
			}
		})
	}
}

func TestFileEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.log")
	if _, err := File(t.Context(), path, nil, options(), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat(line, 10000)), 0o600); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	if stats, err := File(t.Context(), path, nil, options(), func(Event) error { return enough }); err != enough || stats.Events != 1 {
		t.Errorf("%+v, %v", stats, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stats, err := File(ctx, path, nil, options(), func(Event) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) || stats.Events == 10000 {
		t.Errorf("%+v, %v", stats, err)
	}
}

func TestRotated(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mail.log")
	if _, err := Rotated(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for _, name := range []string{"mail.log", "mail.log.1", "mail.log.2.gz", "mail.log.10.gz", "mail.log-20261101.gz", "mail.log-20261102",
		"mail.log.bak", "mail.logs", "mail.log.", "mail.log-1", "other.log.1"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Rotated(path)
	for i := range got {
		got[i] = filepath.Base(got[i])
	}
	want := "mail.log.10.gz mail.log.2.gz mail.log.1 mail.log-20261101.gz mail.log-20261102 mail.log"
	if err != nil || strings.Join(got, " ") != want {
		t.Errorf("got %v (%v), want %s", got, err, want)
	}
}
