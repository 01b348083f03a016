package counter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/statefile"
)

// TestDamagedState: the store is empty, it is said, and the file kept.
func TestDamagedState(t *testing.T) {
	m := NewMemory(MemoryOptions{})
	fill(t, m, 100)
	whole := filepath.Join(t.TempDir(), "whole")
	if err := m.Save(whole); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		content []byte
		aside   string
		says    string
	}{
		"torn":     {good[:len(good)/2], ".damaged", "wrong checksum"},
		"empty":    {nil, ".damaged", "begin at zero"},
		"a newer":  {[]byte("postern policy-counters 2\nwhatever"), ".newer", "newer release"},
		"nonsense": {[]byte(strings.Repeat("x", 1000)), ".damaged", "begin at zero"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "counters")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			said := logged(func(log *slog.Logger) {
				if m := Open(path, MemoryOptions{Log: log}); m.Len() != 0 {
					t.Errorf("%d counters", m.Len())
				}
			})
			if !strings.Contains(said, c.says) || strings.Count(said, "\n") != 1 {
				t.Errorf("it says %s", said)
			}
			if _, err := os.Stat(path + c.aside); err != nil {
				t.Error(err)
			}
		})
	}
	said := logged(func(log *slog.Logger) { Open(filepath.Join(t.TempDir(), "none"), MemoryOptions{Log: log}) })
	if said != "" {
		t.Errorf("without a file it says %s", said)
	}
}

// TestRecordsThatMakeNoSense: the checksum is right, the content is not.
func TestRecordsThatMakeNoSense(t *testing.T) {
	counter := func(s savedCounter) []byte { return appendRecord(nil, counterRecord, s.append(nil)) }
	good := savedCounter{"r", "k", Window{5, time.Hour}, level{3, 17}, 5}
	start := binary.AppendVarint(nil, 1)
	for name, records := range map[string][]byte{
		"empty key":         counter(savedCounter{"r", "", Window{5, time.Hour}, level{1, 0}, 0}),
		"no window":         counter(savedCounter{"r", "k", Window{5, 0}, level{1, 0}, 0}),
		"fraction above 1":  counter(savedCounter{"r", "k", Window{5, 10}, level{1, 10}, 0}),
		"negative":          counter(savedCounter{"r", "k", Window{5, 10}, level{-1, 0}, 0}),
		"short counter":     appendRecord(nil, counterRecord, good.append(nil)[:5]),
		"short payment":     appendRecord(nil, paymentRecord, make([]byte, 16)),
		"torn record":       counter(good)[:10],
		"record of 2 GB":    binary.AppendUvarint([]byte{counterRecord}, 1<<31),
		"length of nothing": {counterRecord},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "counters")
			body := append(append(bytes.Clone(start), counter(good)...), records...)
			if err := stateFormat.Write(path, func(w io.Writer) error { _, err := w.Write(body); return err }); err != nil {
				t.Fatal(err)
			}
			m := NewMemory(MemoryOptions{})
			if err := m.Load(path); !errors.Is(err, statefile.ErrDamaged) || m.Len() != 0 {
				t.Errorf("%d counters, %v", m.Len(), err)
			}
		})
	}
}

// TestOtherVersions reads what version 1 wrote, and what a later release may
// add to it.
func TestOtherVersions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "counters")
	content, err := os.ReadFile("testdata/state-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	now := newClock()
	now.add(10 * time.Minute)
	s := opened(t, path, now, 10)
	check(t, "counter", s.room1(t), Outcome{Fits: true, Remaining: 3, Refill: 38 * time.Minute})
	for unit, cost := range map[string]int64{"a@example.org": 0, "b@example.org": 1} {
		d := Debit{Rule: "rcpt", Key: "user@example.org", Windows: per(10, time.Hour), Unit: unit, Message: "mx1 1a2b"}
		if o := s.ask(t, true, d)[0]; o.Cost != cost {
			t.Errorf("%s: %+v", unit, o)
		}
	}

	later := func(w io.Writer) error {
		good := savedCounter{"login", "user@example.org", Window{10, time.Hour}, level{8, 0}, 0}
		body := binary.AppendVarint(nil, newClock().Now().UnixNano())
		body = appendRecord(body, 200, []byte("something new"))
		body = appendRecord(body, counterRecord, append(good.append(nil), "a new field"...))
		_, err := w.Write(body)
		return err
	}
	if err := stateFormat.Write(path, later); err != nil {
		t.Fatal(err)
	}
	check(t, "of a later release", opened(t, path, now, 10).room1(t), Outcome{Fits: true, Remaining: 3, Refill: 38 * time.Minute})
}

// room1 asks for the counter that is in testdata/state-1.
func (s subject) room1(t *testing.T) Outcome {
	t.Helper()
	return s.ask(t, true, Debit{Rule: "login", Key: "user@example.org", Windows: per(10, time.Hour)})[0]
}

// TestStateOfVersion1 is what testdata/state-1 was made of: this release still
// writes it so.
func TestStateOfVersion1(t *testing.T) {
	s, m, _ := bounded(10)
	s.one(t, Debit{Rule: "login", Key: "user@example.org", Windows: per(10, time.Hour), Total: 8})
	s.one(t, Debit{Rule: "rcpt", Key: "user@example.org", Windows: per(10, time.Hour), Unit: "a@example.org", Message: "mx1 1a2b"})
	path := filepath.Join(t.TempDir(), "counters")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("WRITE_TESTDATA") != "" {
		if err := os.WriteFile("testdata/state-1", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/state-1")
	if err != nil || len(got) != len(want) { // the order of the records is not said
		t.Errorf("%d bytes, want %d, %v", len(got), len(want), err)
	}
}

func FuzzLoad(f *testing.F) {
	good := savedCounter{"r", "k", Window{5, time.Hour}, level{3, 17}, 5}
	f.Add(appendRecord(binary.AppendVarint(nil, 1_700_000_000_000_000_000), counterRecord, good.append(nil)))
	f.Add(appendRecord(binary.AppendVarint(nil, -1), paymentRecord, make([]byte, 18)))
	f.Add(appendRecord(binary.AppendVarint(nil, 1<<62), sinceRecord, binary.AppendVarint(nil, -1<<63)))
	f.Fuzz(func(t *testing.T, body []byte) {
		now := newClock()
		m := NewMemory(MemoryOptions{Now: now.Now, MaxKeys: 4})
		if err := m.read(1, bytes.NewReader(body)); err != nil {
			return
		}
		s := subject{m, now, 0}
		for range 3 {
			d := Debit{Rule: "r", Key: "k", Windows: per(5, time.Hour), Total: 1, Message: "m"}
			if o := s.one(t, d); o.Retry > time.Hour || o.Refill > time.Hour || o.Remaining < 0 {
				t.Fatalf("%+v", o)
			}
			now.add(time.Hour)
		}
		if err := m.write(io.Discard); err != nil {
			t.Fatal(err)
		}
	})
}
