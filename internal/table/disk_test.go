package table

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// written is a disk copy of 3000 rows in a new directory, and those rows.
func written(t testing.TB, identity string) (disk, model) {
	t.Helper()
	d := disk{dir: filepath.Join(t.TempDir(), "state"), identity: identity, log: slog.New(slog.DiscardHandler), create: os.CreateTemp}
	tb := New("alias", nil, Policy{})
	m := model{"": {""}, "long": {strings.Repeat("x", 100000)}, "shared": {"b", "a"}}
	patches := map[string]patch{}
	for i := range 3000 {
		m[fmt.Sprint("a", i)] = []string{fmt.Sprint("goto", i)}
	}
	for k, v := range m {
		if len(patches) < 100 {
			patches[k] = patch{values: v, ticket: 1}
		}
	}
	s, _ := (&snapshot{loaded: true, generation: 41}).with(patches)
	base, ticket := tb.begin()
	l := newLoader(tb.seed, base, 0)
	for k, vs := range m {
		for _, v := range vs {
			if _, later := patches[k]; !later {
				if err := l.add(k, v); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	r, err := l.finish(ticket, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.shards {
		s.shards[i].seg = r.content.shards[i].seg
	}
	s.rows += r.content.rows
	s.sum = (s.sum + r.content.sum) & sumMask
	if err := d.write("alias", s, day(1)); err != nil {
		t.Fatal(err)
	}
	return d, m
}

func day(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }

func TestDiskCopyComesBack(t *testing.T) {
	d, m := written(t, "db1")
	s, current, err := d.read(New("alias", nil, Policy{}), 0)
	if err != nil {
		t.Fatal(err)
	}
	check(t, s, m)
	if !current.Equal(day(1)) || s.generation != 42 || !s.loaded || s.origin != fromDisk {
		t.Errorf("current %v, generation %d, %v, %s", current, s.generation, s.loaded, s.origin)
	}
	for _, path := range []string{d.path("alias"), d.dir} {
		if info, err := os.Stat(path); err != nil || info.Mode()&0o077 != 0 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	left, _ := filepath.Glob(d.dir + "/*.tmp")
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}

	if err := d.writeMark("alias", s, day(5)); err != nil {
		t.Fatal(err)
	}
	if _, current, _ := d.read(New("alias", nil, Policy{}), 0); !current.Equal(day(5)) {
		t.Errorf("marked current at day 5, is %v", current)
	}
	other := *s
	other.generation++
	d.writeMark("alias", &other, day(9))
	if _, current, _ := d.read(New("alias", nil, Policy{}), 0); !current.Equal(day(1)) {
		t.Errorf("a mark of another copy was believed: %v", current)
	}
	os.WriteFile(d.markPath("alias"), []byte(`{"rows":`), 0o600)
	if _, current, err := d.read(New("alias", nil, Policy{}), 0); err != nil || !current.Equal(day(1)) {
		t.Errorf("a torn mark: %v, %v", current, err)
	}
}

func TestDiskCopyOfSomethingElse(t *testing.T) {
	tests := []struct {
		name   string
		change func(d *disk, tb **Table)
		want   string
	}{
		{"another database", func(d *disk, _ **Table) { d.identity = "db2" }, "is one of database \"db1\", this is \"db2\""},
		{"another table", func(d *disk, tb **Table) {
			*tb = New("domain", nil, Policy{})
			os.Rename(d.path("alias"), d.path("domain"))
		}, "is one of table \"alias\""},
		{"another program", func(d *disk, _ **Table) {
			os.WriteFile(d.path("alias"), bytes.Repeat([]byte("SQLite format 3\x00"), 100), 0o600)
		}, "does not begin like one"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, _ := written(t, "db1")
			tb := New("alias", nil, Policy{})
			test.change(&d, &tb)
			_, _, err := d.read(tb, 0)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("too large", func(t *testing.T) {
		d, _ := written(t, "db1")
		if _, _, err := d.read(New("alias", nil, Policy{}), 1000); err != errTooLarge {
			t.Errorf("%v", err)
		}
	})
	t.Run("none", func(t *testing.T) {
		if _, _, err := (disk{dir: t.TempDir()}).read(New("alias", nil, Policy{}), 0); !os.IsNotExist(err) {
			t.Errorf("%v", err)
		}
	})
}

// A copy that is torn or has a wrong byte anywhere is not used.
func TestDamagedDiskCopy(t *testing.T) {
	d, _ := written(t, "db1")
	whole, err := os.ReadFile(d.path("alias"))
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(name string, b []byte) {
		t.Helper()
		os.WriteFile(d.path("alias"), b, 0o600)
		if _, _, err := d.read(New("alias", nil, Policy{}), 0); err == nil {
			t.Errorf("%s: used", name)
		}
	}
	for i := range 16 {
		n := len(whole) * i / 16
		refuse(fmt.Sprintf("torn at %d/16", i), whole[:n])
		turned := bytes.Clone(whole)
		turned[n+i] ^= 1 << (i % 8)
		refuse(fmt.Sprintf("bit turned at %d/16", i), turned)
	}
	for n := range 400 {
		refuse(fmt.Sprintf("torn after %d bytes", n), whole[:n])
		refuse(fmt.Sprintf("torn %d bytes before the end", n+1), whole[:len(whole)-n-1])
	}
	refuse("more behind it", append(bytes.Clone(whole), 0))
	os.WriteFile(d.path("alias"), whole, 0o600)
	if _, _, err := d.read(New("alias", nil, Policy{}), 0); err != nil {
		t.Error(err)
	}
}

// FuzzSection reads arbitrary bytes whose checksums are right: whatever is in
// the file, reading it ends in an error or a table that can be searched.
func FuzzSection(f *testing.F) {
	var a arena
	for _, k := range []string{"", "a@example.org", strings.Repeat("k", 200)} {
		a.append(keyHash(k), k, "value")
	}
	var b bytes.Buffer
	if err := writeSection(&b, &a); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes()[:b.Len()-4])
	f.Add([]byte{})
	f.Add(binary.LittleEndian.AppendUint32(append(make([]byte, 12), 1, 0, 0, 0), 0)) // an empty chunk
	f.Add(binary.LittleEndian.AppendUint32(make([]byte, 12), 1<<31))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
		s, err := readSection(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		a, err := s.arena()
		if err != nil {
			return
		}
		tb := New("alias", nil, Policy{})
		seg, err := newSegment(a, tb.seed)
		if err != nil {
			return
		}
		rows := 0
		a.each(func(_ uint32, key, _ string) bool {
			rows++
			if len(seg.values(key)) == 0 {
				t.Fatalf("%q is not found", key)
			}
			return true
		})
		seg.first("nobody")
		if rows != a.rows {
			t.Fatalf("%d rows, not %d", rows, a.rows)
		}
	})
}

func TestRestartWithADeadDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := Options{StateDir: t.TempDir(), Identity: "db1"}
		db := filled(1000)
		first := start(t, db, db, o)
		time.Sleep(10 * time.Second)
		db.set("alias", "late", "value") // after the disk copy was written
		time.Sleep(10 * time.Second)
		first.stop()
		before := first.status("alias")
		db.fail(errDown)
		time.Sleep(20 * time.Second)
		second := start(t, db, db, o)
		second.expect(t, "alias", "a999", "found")
		second.expect(t, "alias", "late", "found")
		second.expect(t, "alias", "nobody", "unsure")
		second.expect(t, "domain", "example.org", "found")
		second.expect(t, "domain", "example.net", "not found")
		if err := second.Ready(); err != nil {
			t.Error(err)
		}
		s := second.status("alias")
		if s.Source != "disk copy" || s.Generation != before.Generation || s.Checksum != before.Checksum || s.Age < 20*time.Second || s.Age > 22*time.Second {
			t.Errorf("%+v, was %+v", s, before)
		}
		time.Sleep(15 * time.Minute)
		second.expect(t, "smtp_sender_acl", "shared@example.org", "error")
		second.expect(t, "alias", "a999", "found")
		second.expect(t, "domain", "example.org", "found")
		db.fail(nil)
		time.Sleep(2 * time.Second)
		second.expect(t, "alias", "a999", "found")
		if s := second.status("alias"); s.Source != "database" || s.Generation != before.Generation {
			t.Errorf("%+v, was %+v", s, before)
		}
	})
}

// A table that never changes is not written again, and is still known to be
// current after a restart.
func TestUnchangedTableIsOnlyMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := Options{StateDir: t.TempDir()}
		db := filled(10)
		first := start(t, db, nil, o)
		time.Sleep(time.Minute)
		path := filepath.Join(o.StateDir, "alias.table")
		was, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		first.stop()
		if is, _ := os.Stat(path); !os.SameFile(was, is) {
			t.Error("written again")
		}
		db.fail(errDown)
		second := start(t, db, nil, o)
		second.expect(t, "alias", "a1", "found")
		if s := second.status("alias"); s.Age > 2*time.Minute {
			t.Errorf("age %v", s.Age)
		}
	})
}

func TestShrinkGuardKnowsTheDiskCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := Options{StateDir: t.TempDir()}
		db := filled(1000)
		start(t, db, nil, o).stop()
		db.truncate("alias")
		b := start(t, db, nil, o)
		b.expect(t, "alias", "a1", "found")
		if b.status("alias").Held == nil {
			t.Error("not held back")
		}
	})
}

func TestDamagedCopyIsSetAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := Options{StateDir: t.TempDir()}
		db := filled(100)
		start(t, db, nil, o).stop()
		path := filepath.Join(o.StateDir, "alias.table")
		whole, _ := os.ReadFile(path)
		os.WriteFile(path, whole[:len(whole)/2], 0o600)
		old := filepath.Join(o.StateDir, "alias.table.123.tmp")
		os.WriteFile(old, whole, 0o600)
		os.Chtimes(old, time.Now().Add(-2*oldTemp), time.Now().Add(-2*oldTemp))
		b := start(t, db, nil, o)
		if !strings.Contains(b.log.String(), "damaged") {
			t.Errorf("log: %s", b.log)
		}
		b.expect(t, "alias", "a1", "found")
		b.stop()
		for name, want := range map[string]bool{"alias.table": true, "alias.table.damaged": true, "alias.table.123.tmp": false} {
			if _, err := os.Stat(filepath.Join(o.StateDir, name)); (err == nil) != want {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestFullDisk writes to /dev/full.
func TestFullDisk(t *testing.T) {
	db := filled(20000)
	o := Options{StateDir: t.TempDir(), SaveInterval: time.Second}
	k := NewKeeper(o, nil, New("alias", db.source("alias"), StandardPolicy("alias")))
	if err := k.Flush(t.Context(), "alias", ""); err != nil {
		t.Fatal(err)
	}
	k.disk.create = func(dir, pattern string) (*os.File, error) {
		f, err := os.CreateTemp(dir, pattern)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		fd, err := unix.Open("/dev/full", unix.O_WRONLY|unix.O_CLOEXEC, 0)
		return os.NewFile(uintptr(fd), f.Name()), err
	}
	k.saveAll(true)
	k.disk.create = os.CreateTemp
	if entries, _ := os.ReadDir(o.StateDir); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
	if !k.wards[0].saved.trouble {
		t.Error("no trouble was noted")
	}
	if v, ok, err := k.wards[0].Value(t.Context(), "a1"); !ok {
		t.Errorf("lookups stopped: %q, %v", v, err)
	}
	k.saveAll(true)
	if _, _, err := k.disk.read(k.wards[0].Table, 0); err != nil {
		t.Errorf("after there was room again: %v", err)
	}
}

func TestUnusableStateDir(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		os.WriteFile(file, nil, 0o600)
		b := start(t, filled(10), nil, Options{StateDir: file})
		time.Sleep(time.Hour)
		b.expect(t, "alias", "a1", "found")
		if n := strings.Count(b.log.String(), "not written"); n != 5 {
			t.Errorf("%d warnings, want one for each of 5 tables:\n%s", n, b.log)
		}
	})
}

func TestRestoreOnlyOnce(t *testing.T) {
	d, _ := written(t, "")
	tb := New("alias", newFakeDB().source("alias"), Policy{})
	k := NewKeeper(Options{StateDir: d.dir}, nil, tb)
	k.Restore()
	if s := k.Status()[0]; s.Rows == 0 || s.Source != "disk copy" {
		t.Fatalf("%+v", s)
	}
	os.Remove(d.path("alias"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k.Run(ctx)
	if s := k.Status()[0]; s.Rows == 0 {
		t.Errorf("%+v", s)
	}
}
