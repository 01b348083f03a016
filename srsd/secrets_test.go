package srsd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func secretsFile(t *testing.T, text string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "srs.secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func texts(secrets []Secret) string {
	var all []string
	for _, s := range secrets {
		date := ""
		if !s.From.IsZero() {
			date = s.From.Format(dateLayout) + ":"
		}
		all = append(all, date+string(s.Text))
	}
	return strings.Join(all, "|")
}

// TestReadSecrets reads files as PostSRSd does.
func TestReadSecrets(t *testing.T) {
	long := strings.Repeat("x", 2000)
	for _, test := range []struct{ name, text, want string }{
		{"one", "tops3cr3t\n", "tops3cr3t"},
		{"no newline", "tops3cr3t", "tops3cr3t"},
		{"several", "new\r\n\nold\n\n", "new|old"},
		{"blanks are part of it", "  spaced secret \n", "  spaced secret "},
		{"a NUL ends it", "abc\x00def\nnext\n", "abc|next"},
		{"a carriage return ends it", "abc\rdef\nnext\n", "abc|next"},
		{"any encoding", "\xfcber\nk\xc3\xa4se\n", "\xfcber|k\xc3\xa4se"},
		{"a long line is cut", long + "\n", long[:1023] + "|" + long[1023:]},
		{"a date is part of it", "2026-11-21 secret\n", "2026-11-21 secret"},
	} {
		t.Run(test.name, func(t *testing.T) {
			secrets, err := ReadSecrets(secretsFile(t, test.text, 0o600))
			if got := texts(secrets); got != test.want || err != nil {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
	secrets, err := ReadSecrets(secretsFile(t, "tops3cr3t\n", 0o644))
	if !errors.Is(err, ErrOpenToOthers) || texts(secrets) != "tops3cr3t" {
		t.Errorf("readable by all: got %q, %v", texts(secrets), err)
	}
}

// TestReadDatedSecrets reads the native file.
func TestReadDatedSecrets(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"plain", "tops3cr3t\n", "tops3cr3t"},
		{"dated", "2026-11-21 new\n2026-10-01\told one\nundated\n", "2026-11-21:new|2026-10-01:old one|undated"},
		{"almost a date", "2026-11-2 x\n2026-11-21x\n", "2026-11-2 x|2026-11-21x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			secrets, err := ReadDatedSecrets(secretsFile(t, test.text, 0o640), noon)
			if got := texts(secrets); got != test.want || err != nil {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

// TestBadSecrets shows what a postmaster reads.
func TestBadSecrets(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct{ name, path, want string }{
		{"missing", filepath.Join(dir, "none"), "no such file or directory: make it with `postern srs rotate`"},
		{"a directory", dir, "is a directory: name the file in it"},
		{"empty", secretsFile(t, "", 0o600), "holds no secret: write a line of random text"},
		{"blank lines", secretsFile(t, "\n\r\n\n", 0o600), "holds no secret"},
		{"for all to read", secretsFile(t, "x\n", 0o604), "has mode 0604: readable by every user of this host: run `chmod o= "},
		{"no such day", secretsFile(t, "\n2026-02-30 x\n", 0o600), ":2: 2026-02-30 is no day of the calendar: write YYYY-MM-DD"},
		{"only a date", secretsFile(t, "2026-11-21\n", 0o600), ":1: a date without a secret"},
		{"tomorrow", secretsFile(t, "2026-11-22 x\n", 0o600), "no line signs today, every date is in the future: date one 2026-11-21 or earlier"},
		{"binary", secretsFile(t, "x\x00y\n", 0o600), ":1: a NUL byte"},
		{"too long", secretsFile(t, strings.Repeat("x", 1024)+"\n", 0o600), ":1: a secret of 1024 bytes: at most 1023"},
		{"huge", secretsFile(t, strings.Repeat("x\n", 1<<20), 0o600), "has more than 1048576 bytes: is it the right file?"},
	} {
		t.Run(test.name, func(t *testing.T) {
			secrets, err := ReadDatedSecrets(test.path, noon)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "secrets: ") {
				t.Errorf("got %q, %v, want %q", texts(secrets), err, test.want)
			}
		})
	}
}

// day is a day of the test calendar; 0 is noon's.
func day(n int) time.Time { return midnight(noon).AddDate(0, 0, n) }

// TestRing tells day by day which secrets sign and verify.
func TestRing(t *testing.T) {
	a, b, c, plain := Secret{[]byte("a"), day(-30)}, Secret{[]byte("b"), day(0)}, Secret{[]byte("c"), day(10)}, Secret{Text: []byte("plain")}
	for _, test := range []struct {
		name    string
		secrets []Secret
		day     int
		want    string
	}{
		{"one", []Secret{plain}, 0, "plain signs"},
		{"the first undated signs", []Secret{plain, {Text: []byte("older")}}, 0, "plain signs, older verifies"},
		{"before the change", []Secret{b, a}, -1, "b verifies, a signs"},
		{"on the day", []Secret{b, a}, 0, "b signs, a verifies"},
		{"order does not matter", []Secret{a, b}, 0, "a verifies, b signs"},
		{"the last day of the old", []Secret{b, a}, 21, "b signs, a verifies"},
		{"retired", []Secret{b, a}, 22, "b signs, a retired"},
		{"three", []Secret{c, b, a}, 10, "c signs, b verifies, a verifies"},
		{"three, later", []Secret{c, b, a}, 32, "c signs, b retired, a retired"},
		{"undated ones stay", []Secret{b, plain}, 1000, "b signs, plain verifies"},
		{"undated signs until then", []Secret{c, plain}, 9, "c verifies, plain signs"},
		{"the first of one date", []Secret{b, {[]byte("twin"), day(0)}}, 0, "b signs, twin verifies"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ring := NewRing(test.secrets)
			var got []string
			for i, slot := range ring.Slots(day(test.day).Add(time.Hour)) {
				got = append(got, string(test.secrets[i].Text)+" "+string(slot.State))
			}
			if strings.Join(got, ", ") != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if keys := ring.Keys(day(test.day)); len(keys) != strings.Count(test.want, "signs")+strings.Count(test.want, "verifies") {
				t.Errorf("%d keys", len(keys))
			}
		})
	}
}

// TestRotation plays a rotation on two hosts, day by day: no bounce is lost.
func TestRotation(t *testing.T) {
	path := secretsFile(t, "first\n", 0o640)
	hostOf := func(ring *Ring, now time.Time) Modern {
		return Modern{Engine: native(t, func(e *Engine) { e.Ring, e.Now = ring, func() time.Time { return now } })}
	}
	read := func(now time.Time) *Ring {
		secrets, err := ReadDatedSecrets(path, now)
		if err != nil {
			t.Fatal(err)
		}
		return NewRing(secrets)
	}
	before := read(noon)
	made := lookUp(t, hostOf(before, noon).Forward(), "friend@x.example")
	r, err := Rotate(path, day(1), noon)
	if err != nil || len(r.Slots) != 2 || r.Slots[0].State != Verifies || r.Slots[1].State != Signs {
		t.Fatalf("got %+v, %v", r, err)
	}
	after := read(noon)
	if got := lookUp(t, hostOf(before, noon).Reverse(), lookUp(t, hostOf(after, noon).Forward(), "friend@x.example")); got != "friend@x.example" {
		t.Errorf("today, the host without the new file does not know what the other made: %q", got)
	}
	for n := range 60 {
		now := day(n).Add(time.Hour)
		host := hostOf(after, now)
		fresh := lookUp(t, host.Forward(), "friend@x.example")
		if got := lookUp(t, host.Reverse(), fresh); got != "friend@x.example" {
			t.Errorf("day %d: %q", n, got)
		}
		if got := lookUp(t, host.Reverse(), made); (got == "friend@x.example") != (n <= 21) {
			t.Errorf("day %d: an address of the old secret: %q", n, got)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := Rotate(path, day(1), noon); err == nil || !strings.Contains(err.Error(), "already waits to sign from 2026-11-22") {
		t.Errorf("a second rotation before the first signs: %v", err)
	}
	if r, err := Rotate(path, day(41), day(40)); err != nil || r.Retired != 1 || len(r.Slots) != 2 {
		t.Errorf("the third: %+v, %v", r, err)
	}
}

// TestRotateStarts makes the first file, and refuses what it must not touch.
func TestRotateStarts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "srs.secret")
	r, err := Rotate(path, day(1), noon)
	if err != nil || len(r.Slots) != 1 || r.Slots[0].State != Signs {
		t.Fatalf("got %+v, %v", r, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	for _, test := range []struct {
		name, path string
		from       time.Time
		want       string
	}{
		{"the past", path, day(-1), "2026-11-20 has passed: a new secret signs today (2026-11-21) at the earliest"},
		{"for all to read", secretsFile(t, "x\n", 0o644), day(1), "readable by every user"},
		{"damaged", secretsFile(t, "2026-13-01 x\n", 0o600), day(1), "no day of the calendar"},
		{"no folder", filepath.Join(t.TempDir(), "none", "srs.secret"), day(1), "no such file or directory"},
	} {
		if _, err := Rotate(test.path, test.from, noon); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
	urgent := secretsFile(t, "leaked\n", 0o600)
	r, err = Rotate(urgent, day(0), noon)
	if err != nil || r.Slots[0].State != Signs || r.Slots[1].State != Verifies {
		t.Fatalf("today: %+v, %v", r, err)
	}
	if secrets, _ := ReadDatedSecrets(urgent, noon); NewRing(secrets).Slots(day(22))[1].State != Retired {
		t.Errorf("the old secret never retires: %q", texts(secrets))
	}
}
