package greylist

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/statefile"
)

// filled has a row of every kind.
func filled(t *testing.T, c *clock) *Memory {
	m := NewMemory(MemoryOptions{Now: c.Now})
	mustJudge(t, m, visit("waits.example", 7), false)
	mustNote(t, m, visit("known.example", 8))
	mustNote(t, m, visit("known.example", 9))
	return m
}

func save(t *testing.T, m *Memory) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "greylist.state")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRestart: all goes on as if nothing had happened.
func TestRestart(t *testing.T) {
	c := newClock()
	before := filled(t, c)
	path := save(t, before)
	after := NewMemory(MemoryOptions{Now: c.Now})
	if err := after.Load(path); err != nil {
		t.Fatal(err)
	}
	after.sound(t)
	c.add(time.Minute)
	for _, v := range []Visit{visit("waits.example", 7), visit("waits.example", 1), visit("known.example", 1), visit("new.example", 1)} {
		old, young := mustJudge(t, before, v, true), mustJudge(t, after, v, true)
		if old != young {
			t.Errorf("%s: %+v before, %+v after", v.Sender, old, young)
		}
	}
	mustNote(t, after, visit("known.example", 8)) // was counted before the restart
	if s := mustJudge(t, after, visit("known.example", 1), true); s.Passes != [2]int{2, 2} {
		t.Errorf("%v passes", s.Passes)
	}
}

// TestLoadIntoUse: what the store has already stays, and nothing is there twice.
func TestLoadIntoUse(t *testing.T) {
	c := newClock()
	path := save(t, filled(t, c))
	m := NewMemory(MemoryOptions{Now: c.Now})
	mustNote(t, m, visit("waits.example", 1))
	if err := m.Load(path); err != nil {
		t.Fatal(err)
	}
	m.sound(t)
	if !mustJudge(t, m, visit("waits.example", 1), true).Known {
		t.Error("what passed here waits again")
	}
}

// TestMostEntries: a list that is made while mail waits is bounded, whatever is
// asked for.
func TestMostEntries(t *testing.T) {
	m := NewMemory(MemoryOptions{})
	for i := range mostEntries + 1 {
		mustJudge(t, m, Visit{Group: "g", Sender: fmt.Sprint(i), Owner: "o"}, false)
	}
	entries, err := newCheck(t, Options{Store: m}).Entries(t.Context(), 2*mostEntries)
	if err != nil || len(entries) != mostEntries {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}

// TestRestartMuchLater: what is over is not read.
func TestRestartMuchLater(t *testing.T) {
	c := newClock()
	path := save(t, filled(t, c))
	c.add(5 * time.Hour)
	m := NewMemory(MemoryOptions{Now: c.Now})
	if err := m.Load(path); err != nil || m.Len() != 3 {
		t.Errorf("%d rows, want the 3 that passed; %v", m.Len(), err)
	}
}

// TestRestartSmaller: of more rows than there is room for the best are taken.
func TestRestartSmaller(t *testing.T) {
	c := newClock()
	m := NewMemory(MemoryOptions{Now: c.Now})
	for i := range 100 {
		c.add(time.Second)
		mustNote(t, m, Visit{Group: "g", Sender: fmt.Sprint(i), Owner: "o"})
		mustJudge(t, m, Visit{Group: "g", Sender: fmt.Sprint("w", i), Owner: "o"}, false)
	}
	small := NewMemory(MemoryOptions{Rows: 20, Now: c.Now})
	if err := small.Load(save(t, m)); err != nil {
		t.Fatal(err)
	}
	small.sound(t)
	if small.Len() != 20 || small.kept.length < 14 || small.kept.last.sender != "99" || small.waiting.last.sender != "w99" {
		t.Errorf("%d rows, %d kept", small.Len(), small.kept.length)
	}
}

// TestBadFiles: what cannot be read is set aside with a warning, and the store
// begins empty.
func TestBadFiles(t *testing.T) {
	c := newClock()
	good, err := os.ReadFile(save(t, filled(t, c)))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, content, aside, log string }{
		{"torn", string(good[:len(good)-20]), ".damaged", "damaged state file"},
		{"empty", "", ".damaged", "damaged state file"},
		{"changed", strings.Replace(string(good), "known", "owned", 1), ".damaged", "wrong checksum"},
		{"newer", strings.Replace(string(good), "postern greylist 1\n", "postern greylist 2\n", 1), ".newer", "newer version"},
		{"another", "postern counters 1\nxxxx", ".damaged", "damaged state file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state")
			if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			log, text := logger()
			m := NewMemory(MemoryOptions{Now: c.Now, Log: log})
			if err := m.Load(path); err != nil || m.Len() != 0 {
				t.Errorf("%d rows, %v", m.Len(), err)
			}
			if !strings.Contains(text.String(), "level=WARN") || !strings.Contains(text.String(), test.log) {
				t.Errorf("log: %s", text)
			}
			if kept, err := os.ReadFile(path + test.aside); err != nil || string(kept) != test.content {
				t.Errorf("not set aside: %v", err)
			}
		})
	}
}

// TestBadRows: a file that is whole and yet wrong gives no row at all.
func TestBadRows(t *testing.T) {
	good := (&row{key: key{group: "g", sender: "s", owner: "o"}, dies: 1 << 62}).appendTo(nil)
	for name, body := range map[string][]byte{
		"length":      {0xff},
		"long":        binary.AppendUvarint(nil, longestRow+1),
		"short":       good[:len(good)-1],
		"no group":    (&row{key: key{sender: "s", owner: "o"}, dies: 1 << 62}).appendTo(nil),
		"ends early":  append([]byte{5}, good[1:6]...),
		"many counts": append(append([]byte{good[0] + 9}, good[1:len(good)-1]...), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state")
			write(t, path, format, append(bytes.Clone(good), body...))
			m := NewMemory(MemoryOptions{})
			if err := m.Load(path); err != nil || m.Len() != 0 {
				t.Errorf("%d rows, %v", m.Len(), err)
			}
			if _, err := os.Stat(path + ".damaged"); err != nil {
				t.Error(err)
			}
		})
	}
}

func write(t *testing.T, path string, f statefile.Format, body []byte) {
	t.Helper()
	err := f.Write(path, func(w io.Writer) error {
		_, err := w.Write(body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRowsOfALaterRelease have more fields, which this one steps over.
func TestRowsOfALaterRelease(t *testing.T) {
	one := (&row{key: key{group: "g", sender: "s", owner: "o"}, first: 1, last: 2, dies: 1 << 62, count: 3}).appendTo(nil)
	one[0] += 5
	path := filepath.Join(t.TempDir(), "state")
	write(t, path, format, append(append(one, "later"...), (&row{key: key{group: "h"}, last: 2, dies: 1 << 62}).appendTo(nil)...))
	m := NewMemory(MemoryOptions{})
	if err := m.Load(path); err != nil || m.Len() != 2 {
		t.Errorf("%d rows, %v", m.Len(), err)
	}
}

// TestFileOfThisRelease pins the format: later releases must read it.
func TestFileOfThisRelease(t *testing.T) {
	const name = "testdata/greylist-1.state"
	c := newClock()
	path := save(t, filled(t, c))
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(filepath.Dir(path), "copy")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	m := NewMemory(MemoryOptions{Now: c.Now})
	if err := m.Load(path); err != nil || m.Len() != 4 {
		t.Fatalf("%d rows, %v", m.Len(), err)
	}
	s := mustJudge(t, m, visit("known.example", 1), true)
	if !s.Known || s.Passes != [2]int{2, 2} || mustJudge(t, m, visit("waits.example", 1), true).Wait != time.Minute {
		t.Errorf("%+v", s)
	}
}

func TestNoFile(t *testing.T) {
	dir := t.TempDir()
	m := NewMemory(MemoryOptions{})
	if err := m.Load(filepath.Join(dir, "none")); err != nil {
		t.Error(err)
	}
	if err := m.Load(dir); err == nil {
		t.Error("a folder was read")
	}
	if err := m.Save(filepath.Join(dir, "no", "folder")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestRun: written when something changed, at the end, and again after trouble.
func TestRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder", "state")
	synctest.Test(t, func(t *testing.T) {
		log, text := logger()
		m := NewMemory(MemoryOptions{Log: log})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- m.Run(ctx, path, time.Minute) }()
		exists := func() bool { _, err := os.Stat(path); return err == nil }
		rest := func() { time.Sleep(time.Minute + time.Second); synctest.Wait() }
		rest()
		mustJudge(t, m, visit("b.example", 1), false)
		rest()
		rest()
		if n := strings.Count(text.String(), "is not saved"); n != 1 || exists() {
			t.Errorf("log: %s", text)
		}
		if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		rest()
		if !exists() || strings.Count(text.String(), "is saved again") != 1 {
			t.Errorf("log: %s", text)
		}
		os.Remove(path)
		rest()
		if exists() {
			t.Error("written though nothing changed")
		}
		mustNote(t, m, visit("b.example", 1))
		cancel()
		if err := <-done; err != nil || !exists() {
			t.Error("not written at the end", err)
		}
	})
}

// TestSaveWhileMailPasses has a map that changes under the loop.
func TestSaveWhileMailPasses(t *testing.T) {
	c := newClock()
	m := NewMemory(MemoryOptions{Rows: 8 * rowsAtOnce, Now: c.Now})
	path := filepath.Join(t.TempDir(), "state")
	for i := range 3 * rowsAtOnce {
		mustNote(t, m, Visit{Group: "old", Sender: fmt.Sprint(i), Owner: "o"})
	}
	var wg sync.WaitGroup
	for n := range 2 {
		wg.Go(func() {
			for i := range 5000 {
				mustJudge(t, m, Visit{Group: Group(fmt.Sprint(n)), Sender: fmt.Sprint(i), Owner: "o"}, false)
			}
		})
	}
	for range 5 {
		if err := m.Save(path); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	m.sound(t)
	after := NewMemory(MemoryOptions{Now: c.Now})
	if err := after.Load(path); err != nil {
		t.Fatal(err)
	}
	for i := range 3 * rowsAtOnce {
		if !mustJudge(t, after, Visit{Group: "old", Sender: fmt.Sprint(i), Owner: "o"}, true).Known {
			t.Fatalf("%d was not saved", i)
		}
	}
}
