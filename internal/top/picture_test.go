package top

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"

	"postern/internal/status"
)

// TestPicture compares pictures with files. With GOLDEN=write in the
// environment the files are written.
func TestPicture(t *testing.T) {
	live := View{Interval: 2 * time.Second, Now: noon()}
	with := func(change func(*View)) View {
		v := live
		change(&v)
		return v
	}
	for _, test := range []struct {
		name          string
		model         *Model
		view          View
		width, height int
	}{
		{"nothing", &Model{}, live, 80, 24},
		{"80x24", one(), live, 80, 24},
		{"40x10", one(), live, 40, 10},
		{"200x60", one(), live, 200, 60},
		{"once", one(), View{Now: noon()}, 100, 0},
		{"once-several", several(), View{Now: noon()}, 100, 0},
		{"several-80x24", several(), live, 80, 24},
		{"ascii", several(), with(func(v *View) { v.ASCII = true }), 100, 30},
		{"lookups", several(), with(func(v *View) { v.Page = LookupsPage }), 100, 24},
		{"lookups-scrolled", one(), with(func(v *View) { v.Page, v.Offset = LookupsPage, 3 }), 80, 6},
		{"decisions", one(), with(func(v *View) { v.Page = DecisionsPage }), 120, 12},
		{"decisions-40x10", one(), with(func(v *View) { v.Page, v.Offset = DecisionsPage, 99 }), 40, 10},
		{"system", one(), with(func(v *View) { v.Page = SystemPage }), 80, 40},
		{"overview-scrolled", one(), with(func(v *View) { v.Offset = 1 }), 80, 30},
		{"help", one(), with(func(v *View) { v.Help, v.Paused = true, true }), 80, 24},
	} {
		t.Run(test.name, func(t *testing.T) {
			lines := test.model.Picture(test.view, test.width, test.height)
			checkPicture(t, lines, test.width, test.height)
			file := filepath.Join("testdata", test.name+".txt")
			if os.Getenv("GOLDEN") == "write" {
				if err := os.WriteFile(file, []byte(Text(lines)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got := Text(lines); got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// checkPicture holds for every picture: it fits, and nothing in it is for a
// terminal to obey.
func checkPicture(t *testing.T, lines []Line, width, height int) {
	t.Helper()
	if height > 0 && len(lines) > height {
		t.Errorf("%d lines for a height of %d", len(lines), height)
	}
	for _, l := range lines {
		if w := l.width(); w > width {
			t.Errorf("%d cells for a width of %d: %q", w, width, l)
		}
		if w := uniseg.StringWidth(l.String()); w > width {
			t.Errorf("as a whole %d cells for a width of %d: %q", w, width, l)
		}
		for _, s := range l {
			if s.Text != unsafeFree(s.Text) {
				t.Errorf("%q reaches the terminal", s.Text)
			}
		}
	}
}

// unsafeFree leaves printable characters only, by another way than clean does.
func unsafeFree(text string) string {
	var kept []rune
	for _, r := range text {
		if r >= ' ' && r < 0x7f || r >= 0xa0 && !joiner(r) && r != 0xfffd {
			kept = append(kept, r)
		}
	}
	return string(kept)
}

// joiner reports characters of U+00A0 and up that are invisible or turn lines.
func joiner(r rune) bool {
	switch {
	case r == 0xa0, r == 0xad, r == 0x61c, r == 0x180e, r == 0xfeff:
		return true
	case r >= 0x2000 && r <= 0x200f, r >= 0x2028 && r <= 0x202f, r >= 0x205f && r <= 0x206f:
		return true
	case r >= 0xe000 && r <= 0xf8ff, r >= 0xfe00 && r <= 0xfe0f, r >= 0xfff9 && r <= 0xfffb, r >= 0xe0000:
		return true
	}
	return false
}

// TestIdleMaps are told of in a line, one as well.
func TestIdleMaps(t *testing.T) {
	for want, maps := range map[string][]status.Lookups{
		"1 map was not asked\n":   {{Map: "virtual", Found: 1}, {Map: "forward"}},
		"2 maps were not asked\n": {{Map: "reverse"}, {Map: "forward"}},
	} {
		var m Model
		m.Take(said(status.Snapshot{Daemon: "serve", Now: noon(), Lookups: maps}))
		if got := Text(m.Picture(View{Now: noon()}, 80, 0)); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestNoColourIsLost(t *testing.T) {
	looks := map[string]Look{}
	for _, l := range several().Picture(View{Now: noon()}, 200, 0) {
		for _, s := range l {
			looks[s.Text] = s.Look
		}
	}
	for text, want := range map[string]Look{
		"bad  ": Bad, "poor ": Poor, "good ": Good, "ready": Good, "not ready: table alias is not loaded": Bad, "cannot be reached": Bad, "reject  ": Bad, "(reject)": Dim, "defer   ": Poor,
	} {
		if got, there := looks[text]; got != want || !there {
			t.Errorf("%q looks %v (%v), want %v", text, got, there, want)
		}
	}
}
