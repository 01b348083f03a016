package filemap

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"postern/internal/lookup"
	"postern/internal/lookup/lookuptest"
)

// file is a map's file under test, and what was logged of it.
type file struct {
	*testing.T
	path string
	log  bytes.Buffer
}

// inBubble runs a test in virtual time. The clock there starts in the year
// 2000, so files are at rest unless their time is set to now.
func inBubble(t *testing.T, test func(f *file)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(&file{T: t, path: filepath.Join(t.TempDir(), "map")})
	})
}

func (f *file) open() *Map {
	f.Helper()
	m, err := Open(f.path, Options{Log: slog.New(slog.NewTextHandler(&f.log, nil))})
	if err != nil {
		f.Fatal(err)
	}
	return m
}

// write edits the file in place, some time ago.
func (f *file) write(text string) {
	f.Helper()
	if err := os.WriteFile(f.path, []byte(text), 0o644); err != nil {
		f.Fatal(err)
	}
	f.touch(time.Now().Add(-time.Hour))
}

// touch says when the file was last written to.
func (f *file) touch(at time.Time) {
	f.Helper()
	if err := os.Chtimes(f.path, at, at); err != nil {
		f.Fatal(err)
	}
}

func (f *file) remove() {
	f.Helper()
	if err := os.Remove(f.path); err != nil {
		f.Fatal(err)
	}
}

// want checks the value of a key, where "" stands for not found.
func (f *file) want(m *Map, key, want string) {
	f.Helper()
	value, found, err := m.Lookup(f.Context(), key)
	if err != nil || value != want || found != (want != "") {
		f.Errorf("%s: got %q, %v, %v, want %q", key, value, found, err, want)
	}
}

// wantLog checks that each text was logged once, and nothing else.
func (f *file) wantLog(texts ...string) {
	f.Helper()
	got := f.log.String()
	f.log.Reset()
	if lines := strings.Count(got, "\n"); lines != len(texts) {
		f.Errorf("logged %d lines, want %d:\n%s", lines, len(texts), got)
	}
	for _, text := range texts {
		if strings.Count(got, text) != 1 {
			f.Errorf("not logged once: %s\n%s", text, got)
		}
	}
}

func TestConforms(t *testing.T) {
	load := func(t *testing.T, pairs map[string]string) lookuptest.Subject {
		path := filepath.Join(t.TempDir(), "map")
		if err := os.WriteFile(path, []byte(printed(pairs)), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Unix(1e9, 0)); err != nil {
			t.Fatal(err)
		}
		m, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return lookuptest.Subject{Map: m}
	}
	lookuptest.Run(t, load, lookuptest.Options{Cannot: unwritable})
}

// unwritable reports keys that the file format has no way to write.
func unwritable(key string) bool {
	end, balanced := keyEnd(key)
	return key == "" || key[0] == '#' || !balanced || end < len(key) || key[len(key)-1] == '\\' ||
		strings.ContainsAny(key, "\x00\n") || !utf8.ValidString(key)
}

func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	long := filepath.Join(dir, "long")
	if err := os.WriteFile(long, bytes.Repeat([]byte("a b\n"), 1000), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(long, time.Time{}, time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ path, want string }{
		"missing":   {filepath.Join(dir, "none"), "no such file"},
		"directory": {dir, "is not a regular file"},
		"device":    {os.DevNull, "is not a regular file"},
		"too long":  {long, "longer than 100 bytes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m, err := Open(tt.path, Options{MaxSize: 100})
			if m != nil || err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.path) {
				t.Errorf("got %v, want the path and %q", err, tt.want)
			}
		})
	}
	if _, err := Open(tests["missing"].path, Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v is not os.ErrNotExist", err)
	}
}

func TestEditInPlace(t *testing.T) {
	inBubble(t, func(f *file) {
		f.write("a 1\nb 2\n")
		m := f.open()
		f.want(m, "a", "1")
		f.write("a 3\n")
		time.Sleep(time.Second - 1)
		f.want(m, "a", "1") // checked at most once per second
		time.Sleep(time.Nanosecond)
		f.want(m, "a", "3")
		f.want(m, "b", "")
		f.wantLog("new content in use")
		time.Sleep(time.Minute)
		f.want(m, "a", "3")
		f.wantLog()
		if m.Len() != 1 {
			f.Errorf("%d entries, want 1", m.Len())
		}
	})
}

func TestReplaceByRename(t *testing.T) {
	inBubble(t, func(f *file) {
		f.write("a 1\n")
		m := f.open()
		before, err := os.Stat(f.path)
		if err != nil {
			f.Fatal(err)
		}
		fresh := f.path + ".new"
		if err := os.WriteFile(fresh, []byte("a 2\n"), 0o644); err != nil {
			f.Fatal(err)
		}
		if err := os.Rename(fresh, f.path); err != nil {
			f.Fatal(err)
		}
		f.touch(before.ModTime()) // same size, same time: another file all the same
		time.Sleep(time.Second)
		f.want(m, "a", "2")
	})
}

// An edit that leaves size and modification time as they were.
func TestEditInDisguise(t *testing.T) {
	inBubble(t, func(f *file) {
		f.write("a 1\n")
		at := time.Now().Add(-time.Hour)
		f.touch(at)
		m := f.open()
		f.write("a 2\n")
		f.touch(at)
		time.Sleep(time.Second)
		f.want(m, "a", "2")
	})
}

func TestHotFile(t *testing.T) {
	inBubble(t, func(f *file) {
		f.write("a 1\n")
		m := f.open()
		time.Sleep(10 * time.Second)
		f.write("a 2") // half of it
		f.touch(time.Now())
		f.want(m, "a", "1")
		time.Sleep(500 * time.Millisecond)
		f.write("a 2@example.com\n") // the rest
		f.touch(time.Now())
		time.Sleep(500 * time.Millisecond)
		f.want(m, "a", "1")
		time.Sleep(500*time.Millisecond - 1)
		f.want(m, "a", "1")
		time.Sleep(time.Nanosecond) // a second after the last write, not two
		f.want(m, "a", "2@example.com")
	})
}

// Somebody begins to write at each moment of a check: what is half written
// does not count, what was there before may or may not.
func TestWrittenToWhileItIsRead(t *testing.T) {
	for moment := range 8 {
		inBubble(t, func(f *file) {
			f.write("a 1\n")
			m := f.open()
			time.Sleep(time.Second)
			f.write("a 2\n")
			calls := 0
			m.now = func() time.Time { // is asked between the steps of a check
				if calls++; calls == moment {
					f.write("a half")
					f.touch(time.Now())
				}
				return time.Now()
			}
			for range 3 {
				value, _, err := m.Lookup(f.Context(), "a")
				if err != nil || value != "1" && value != "2" {
					f.Errorf("moment %d: got %q, %v, want 1 or 2", moment, value, err)
				}
				time.Sleep(time.Second / 4)
			}
		})
	}
}

// After a clock was set back, files are of the future. They count as at rest.
func TestFileOfTheFuture(t *testing.T) {
	inBubble(t, func(f *file) {
		f.write("a 1\n")
		f.touch(time.Now().Add(time.Hour))
		start := time.Now()
		m := f.open()
		if took := time.Since(start); took != 0 {
			f.Errorf("waited %v", took)
		}
		f.write("a 2\n")
		f.touch(time.Now().Add(time.Hour))
		time.Sleep(time.Second)
		f.want(m, "a", "2")
	})
}

func TestOpenWaitsForAHotFile(t *testing.T) {
	inBubble(t, func(f *file) {
		f.write("a 1")
		f.touch(time.Now())
		go func() {
			time.Sleep(500 * time.Millisecond)
			f.write("a 1@example.com\n")
			f.touch(time.Now())
		}()
		start := time.Now()
		m := f.open()
		f.want(m, "a", "1@example.com")
		if took := time.Since(start); took != 1500*time.Millisecond {
			f.Errorf("waited %v, want a second after the last write", took)
		}
	})
}

func TestOpenOfAFileWithoutRest(t *testing.T) {
	inBubble(t, func(f *file) {
		f.write("a 1\n")
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 50 {
				f.touch(time.Now())
				time.Sleep(100 * time.Millisecond)
			}
		}()
		start := time.Now()
		synctest.Wait()
		m := f.open()
		f.want(m, "a", "1")
		if took := time.Since(start); took > 3*time.Second {
			f.Errorf("waited %v, want 3s at most", took)
		}
		if m.seen != (fingerprint{}) {
			f.Error("what was read while it was written to passes for the whole")
		}
		<-done
	})
}

func TestFileVanishes(t *testing.T) {
	inBubble(t, func(f *file) {
		f.write("a 1\n")
		m := f.open()
		f.remove()
		for range 5 {
			time.Sleep(time.Second)
			f.want(m, "a", "1")
			f.want(m, "b", "")
		}
		f.wantLog("no such file")
		f.write("a 1\nb 2\n")
		time.Sleep(time.Second)
		f.want(m, "b", "2")
		f.wantLog("new content in use")
		f.remove()
		time.Sleep(time.Second)
		f.want(m, "b", "2")
		f.wantLog("no such file") // this is news again
	})
}

// The folder moves away and back: the file is the very same.
func TestFileComesAndGoes(t *testing.T) {
	inBubble(t, func(f *file) {
		dir := filepath.Join(f.TempDir(), "dir")
		if err := os.Mkdir(dir, 0o755); err != nil {
			f.Fatal(err)
		}
		f.path = filepath.Join(dir, "map")
		f.write("a 1\n")
		m := f.open()
		move := func(from, to string) {
			if err := os.Rename(from, to); err != nil {
				f.Fatal(err)
			}
			time.Sleep(time.Second)
			f.want(m, "a", "1")
		}
		for range 3 {
			move(dir, dir+".away")
			f.wantLog("no such file")
			move(dir+".away", dir)
			f.wantLog()
		}
	})
}

func TestFileBecomesUnreadable(t *testing.T) {
	inBubble(t, func(f *file) {
		f.write("a 1\n")
		m := f.open()
		f.remove()
		if err := os.Mkdir(f.path, 0o755); err != nil {
			f.Fatal(err)
		}
		for range 3 {
			time.Sleep(time.Second)
			f.want(m, "a", "1")
		}
		f.wantLog("not a regular file")
		f.remove()
		time.Sleep(time.Second)
		f.want(m, "a", "1")
		f.wantLog("no such file")
		m.maxSize = 10
		f.write("a 234567890\n")
		for range 3 {
			time.Sleep(time.Second)
			f.want(m, "a", "1")
		}
		f.wantLog("longer than 10 bytes")
		m.maxSize = defaultMaxSize
		time.Sleep(time.Second)
		f.want(m, "a", "234567890")
	})
}

func TestFaultyContentIsNotUsed(t *testing.T) {
	for name, line := range map[string]string{
		"no value":         "b",
		"unbalanced quote": `"b 2`,
		"not UTF-8":        "b \xff",
		"NUL":              "b \x00",
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(f *file) {
				f.write("a 1\nb 2\n")
				m := f.open()
				f.write("a 3\n" + line + "\n")
				for range 3 {
					time.Sleep(time.Second)
					f.want(m, "a", "1")
					f.want(m, "b", "2")
				}
				f.wantLog("line=2")
				f.write("a 4\n# b\n")
				time.Sleep(time.Second)
				f.want(m, "a", "4")
				f.want(m, "b", "")
			})
		})
	}
}

func TestFaultyFromTheStart(t *testing.T) {
	inBubble(t, func(f *file) {
		f.write("a 1\nfaulty\nA 2\n")
		m := f.open()
		f.want(m, "a", "1")
		f.wantLog("line=2 skipped=true", "line=3 skipped=false")
		f.write("a 3\nfaulty\n") // no worse than before
		time.Sleep(time.Second)
		f.want(m, "a", "3")
		f.wantLog("line=2 skipped=true", "new content in use")
	})
}

func TestDuplicatesAreUsed(t *testing.T) {
	inBubble(t, func(f *file) {
		f.write("a 1\n")
		m := f.open()
		f.write("a 2\na 3\nkey: 4\n")
		time.Sleep(time.Second)
		f.want(m, "a", "2")
		f.want(m, "key:", "4")
		f.wantLog("line=2", "line=3", "new content in use")
	})
}

func TestEmptyFile(t *testing.T) {
	inBubble(t, func(f *file) {
		f.write("")
		m := f.open()
		f.want(m, "a", "")
		f.write("a 1\n")
		time.Sleep(time.Second)
		f.want(m, "a", "1")
	})
}

func TestFreshLookChecksAtOnce(t *testing.T) {
	inBubble(t, func(f *file) {
		f.write("a 1\n")
		m := f.open()
		f.write("a 2\n")
		value, _, err := m.Lookup(lookup.WithFresh(f.Context()), "a")
		if value != "2" || err != nil {
			f.Errorf("got %q, %v, want 2", value, err)
		}
	})
}

func TestTrace(t *testing.T) {
	inBubble(t, func(f *file) {
		f.write("a 1\n")
		m := f.open()
		time.Sleep(time.Minute)
		var steps []lookup.Step
		ctx := lookup.WithTrace(f.Context(), func(s lookup.Step) { steps = append(steps, s) })
		if _, _, err := m.Lookup(ctx, "a"); err != nil {
			f.Fatal(err)
		}
		want := lookup.Step{Map: "file:" + f.path, Key: "a", Source: "file", Value: "1", Found: true, Age: time.Minute}
		if len(steps) != 1 || steps[0] != want {
			f.Errorf("traced %+v, want %+v", steps, want)
		}
	})
}

// One lookup reads, the others wait for it, but no longer than they may.
func TestWaitingForAnotherToRead(t *testing.T) {
	inBubble(t, func(f *file) {
		f.write("a 1\n")
		m := f.open()
		time.Sleep(time.Second)
		m.turn <- struct{}{} // somebody reads
		ctx, cancel := context.WithTimeout(f.Context(), time.Second)
		defer cancel()
		if _, found, err := m.Lookup(ctx, "a"); found || !errors.Is(err, context.DeadlineExceeded) {
			f.Errorf("got %v, %v, want the deadline", found, err)
		}
		f.write("a 2\n")
		var waiting sync.WaitGroup
		for range 10 {
			waiting.Go(func() { f.want(m, "a", "2") })
		}
		synctest.Wait()
		<-m.turn
		waiting.Wait()
	})
}

// Many ask while the file is replaced again and again: every answer is whole.
func TestManyAskWhileItChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "map")
	replace := func(value string) {
		if err := os.WriteFile(path+".new", []byte("a "+value+"\nb "+value+"\n"), 0o644); err != nil {
			t.Error(err)
		}
		if err := os.Chtimes(path+".new", time.Time{}, time.Unix(1e9, 0)); err != nil {
			t.Error(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Error(err)
		}
	}
	replace("one")
	m, err := Open(path, Options{Check: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	var askers sync.WaitGroup
	for range 4 {
		askers.Go(func() {
			for range 300 {
				value, found, err := m.Lookup(t.Context(), "b")
				if err != nil || !found || value != "one" && value != "two" {
					t.Errorf("got %q, %v, %v", value, found, err)
				}
			}
		})
	}
	for i := range 50 {
		replace([]string{"one", "two"}[i%2])
	}
	askers.Wait()
}

func TestLookupAllocatesNothing(t *testing.T) {
	inBubble(t, func(f *file) {
		f.write("a 1\n")
		m := f.open()
		for _, key := range []string{"a", "b"} {
			if n := testing.AllocsPerRun(100, func() { _, _, _ = m.Lookup(f.Context(), key) }); n != 0 {
				f.Errorf("%s: %v allocations, want none", key, n)
			}
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	path := filepath.Join(b.TempDir(), "map")
	if err := os.WriteFile(path, []byte("a 1\n"), 0o644); err != nil {
		b.Fatal(err)
	}
	m, err := Open(path, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = m.Lookup(b.Context(), "a")
	}
}
