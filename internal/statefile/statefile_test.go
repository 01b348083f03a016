package statefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

var v2 = Format{Name: "things", Version: 2}

func body(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// read is what a file holds: "VERSION:BODY".
func read(f Format, path string) (got string, err error) {
	err = f.Read(path, func(version int, r io.Reader) error {
		all, err := io.ReadAll(r)
		got = fmt.Sprintf("%d:%s", version, all)
		return err
	})
	return got, err
}

func listing(t *testing.T, path string) string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestWriteAndRead(t *testing.T) {
	for name, text := range map[string]string{
		"small": "one\ntwo\x00",
		"empty": "",
		"large": strings.Repeat("0123456789", 300_000),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state")
			for range 2 { // the second replaces the first
				if err := v2.Write(path, body(text)); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := read(v2, path); err != nil || got != "2:"+text {
				t.Fatalf("read %.40q, %v", got, err)
			}
			info, err := os.Stat(path)
			if err != nil || info.Mode() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			if got := listing(t, path); got != "state" {
				t.Errorf("the folder holds %s", got)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	if _, err := read(v2, filepath.Join(t.TempDir(), "state")); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

func TestVersions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	v1 := Format{Name: "things", Version: 1}
	if err := v1.Write(path, body("old")); err != nil {
		t.Fatal(err)
	}
	if got, err := read(v2, path); err != nil || got != "1:old" {
		t.Fatalf("read %q, %v", got, err)
	}
	if err := v2.Write(path, body("new")); err != nil {
		t.Fatal(err)
	}
	if _, err := read(v1, path); !errors.Is(err, ErrNewer) || errors.Is(err, ErrDamaged) {
		t.Fatal(err)
	}
	if got, err := read(v2, path+".newer"); err != nil || got != "2:new" {
		t.Fatalf("kept: %q, %v", got, err)
	}
	if err := (Format{Name: "things"}).Write(path, body("none")); err != nil {
		t.Fatal(err)
	}
	if _, err := read(v1, path); !errors.Is(err, ErrDamaged) {
		t.Errorf("version 0, whole as it is: %v", err)
	}
}

// TestDevice: what is no file is no damaged file either, so it stays in place.
func TestDevice(t *testing.T) {
	err := v2.Peek(os.DevNull, func(int, io.Reader) error { return nil })
	if err == nil || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
}

// TestUnreadable: trouble of the disk says nothing about the file, whatever was
// read of it.
func TestUnreadable(t *testing.T) {
	closed, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	d := &disk{file: closed}
	_, _, err = v2.check(d, 100)
	if err = d.judge(err); !errors.Is(err, os.ErrClosed) || errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

// TestWriteClearsUp: what a crash left is removed by who only writes, too.
func TestWriteClearsUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(path+".123.tmp", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := v2.Write(path, body("new")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".123.tmp"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}

// TestDamage changes and cuts a file at every byte.
func TestDamage(t *testing.T) {
	var whole bytes.Buffer
	dir := t.TempDir()
	path := filepath.Join(dir, "state")
	if err := v2.Write(path, body("some state\n")); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole.Write(b)
	try := func(what string, content []byte) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := read(v2, path)
		aside := ".damaged"
		if errors.Is(err, ErrNewer) {
			aside = ".newer"
		} else if !errors.Is(err, ErrDamaged) {
			t.Fatalf("%s: %q, %v", what, got, err)
		}
		if got != "" {
			t.Fatalf("%s: the body was handed out: %q", what, got)
		}
		kept, err := os.ReadFile(path + aside)
		if err != nil || !bytes.Equal(kept, content) {
			t.Fatalf("%s: kept %q, %v", what, kept, err)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("%s: still there", what)
		}
	}
	for i := range b {
		try(fmt.Sprintf("cut at %d", i), b[:i])
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			changed := bytes.Clone(b)
			changed[i] ^= flip
			try(fmt.Sprintf("byte %d changed", i), changed)
		}
	}
	try("longer", append(bytes.Clone(b), 'x'))
	try("another format", bytes.Replace(b, []byte("things"), []byte("thongs"), 1))
	try("no line", bytes.Repeat([]byte("x"), 1<<20))
	try("version 0", bytes.Replace(b, []byte(" 2\n"), []byte(" 0\n"), 1))
}

// TestBodyThatCannotBeRead: the checksum is right, and the reader disagrees.
func TestBodyThatCannotBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if err := v2.Write(path, body("x")); err != nil {
		t.Fatal(err)
	}
	cause := errors.New("not a thing")
	err := v2.Read(path, func(int, io.Reader) error { return cause })
	if !errors.Is(err, ErrDamaged) || !errors.Is(err, cause) {
		t.Fatal(err)
	}
	if got := listing(t, path); got != "state.damaged" {
		t.Errorf("the folder holds %s", got)
	}
}

// TestFailedWrite: whatever fails, the old file stays and nothing else is left.
func TestFailedWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if err := v2.Write(path, body("old")); err != nil {
		t.Fatal(err)
	}
	err := v2.Write(path, func(w io.Writer) error {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			return err
		}
		return syscall.ENOSPC
	})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if got, err := read(v2, path); err != nil || got != "2:old" {
		t.Errorf("read %q, %v", got, err)
	}
	if got := listing(t, path); got != "state" {
		t.Errorf("the folder holds %s", got)
	}
	if err := v2.Write(filepath.Join(path, "below"), body("")); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("a folder that is none: %v", err)
	}
}

// TestTroubleOfTheDisk: what cannot be read is not called damaged.
func TestTroubleOfTheDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := read(v2, path); err == nil || errors.Is(err, ErrDamaged) {
		t.Fatal(err)
	}
	if got := listing(t, path); got != "state" {
		t.Errorf("the folder holds %s", got)
	}
}

func TestLeftovers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "st[a]te")
	for _, name := range []string{path + ".123.tmp", path + ".124.tmp", path + "s.125.tmp", path + ".old.tmp"} {
		if err := os.WriteFile(name, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	busy, err := os.Open(path + ".124.tmp")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	if err := unix.Flock(int(busy.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := read(v2, path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if got := listing(t, path); got != "st[a]te.124.tmp st[a]te.old.tmp st[a]tes.125.tmp" {
		t.Errorf("the folder holds %s", got)
	}
}

func TestSymbolicLink(t *testing.T) {
	dir := t.TempDir()
	link, target := filepath.Join(dir, "link"), filepath.Join(dir, "target")
	if err := os.WriteFile(target, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := v2.Write(link, body("x")); err != nil {
		t.Fatal(err)
	}
	if got, err := read(v2, target); err != nil || got != "2:x" {
		t.Errorf("read %q, %v", got, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
}

func TestReplaceMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "public")
	if err := Replace(path, 0o644, body("x")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// Whoever replaces a file does not take it from its owner.
func TestReplaceOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(path, 65534, 65533); err != nil {
			t.Fatal(err)
		}
	}
	var before, after unix.Stat_t
	if err := errors.Join(unix.Stat(path, &before), Replace(path, 0o640, body("x")), unix.Stat(path, &after)); err != nil {
		t.Fatal(err)
	}
	if after.Uid != before.Uid || after.Gid != before.Gid || after.Ino == before.Ino {
		t.Errorf("owner %d:%d, before %d:%d", after.Uid, after.Gid, before.Uid, before.Gid)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("postern things 2\nbody\x00\x00\x00\x00"))
	f.Add([]byte("postern things 99999999999999999999\n"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "state")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := read(v2, path)
		if err != nil && (got != "" || !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewer)) {
			t.Fatalf("%q, %v", got, err)
		}
	})
}

// TestPeek: who only looks reads the same, and changes no file, not even one
// that is damaged, or one that its owner is writing.
func TestPeek(t *testing.T) {
	path := filepath.Join(t.TempDir(), "things")
	nobody := func(int, io.Reader) error { return errors.New("read") }
	if err := v2.Peek(path, nobody); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := v2.Write(path, body("hello")); err != nil {
		t.Fatal(err)
	}
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	newer := Format{Name: "things", Version: 3}
	if err := newer.Write(path, body("hello")); err != nil {
		t.Fatal(err)
	}
	ahead, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".1234.tmp", []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file []byte
		want error
	}{"sound": {sound, nil}, "damaged": {sound[:len(sound)-1], ErrDamaged}, "newer": {ahead, ErrNewer}} {
		if err := os.WriteFile(path, c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		before := listing(t, path)
		var got []byte
		err := v2.Peek(path, func(_ int, r io.Reader) (err error) {
			got, err = io.ReadAll(r)
			return err
		})
		if !errors.Is(err, c.want) || c.want == nil && string(got) != "hello" {
			t.Errorf("%s: read %q (%v), want error %v", name, got, err, c.want)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, c.file) || listing(t, path) != before {
			t.Errorf("%s: the files became %s (%v), were %s", name, listing(t, path), err, before)
		}
	}
}
