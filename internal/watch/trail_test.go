package watch

import (
	"slices"
	"strings"
	"testing"
)

func TestTrail(t *testing.T) {
	b := newBench(t)
	b.mkdir("dir/sub")
	b.write("dir/sub/file", "")
	b.link("dir", "link")
	b.link("../sub/file", "dir/sub/up")
	b.link(b.path("link/sub"), "absolute")
	b.link("loop", "loop")
	for _, c := range []struct {
		path string
		want string // below the folder of the test
	}{
		{"dir/sub/file", "dir dir/sub dir/sub/file"},
		{"dir/./sub/../sub//file", "dir dir/sub dir/sub dir/sub/file"},
		{"link/sub/file", "link dir dir/sub dir/sub/file"},
		{"dir/sub/up", "dir dir/sub dir/sub/up dir/sub dir/sub/file"},
		{"absolute/file", "absolute link dir dir/sub dir/sub/file"},
		{"missing/sub/file", "missing"},
		{"dir/missing", "dir dir/missing"},
		{"dir/sub/file/below", "dir dir/sub dir/sub/file dir/sub/file/below"},
		{"loop", strings.TrimSpace(strings.Repeat("loop ", maxLinks+1))},
	} {
		t.Run(c.path, func(t *testing.T) {
			var got []string
			for _, name := range trail(b.dir + "/" + c.path) {
				if rest, ok := strings.CutPrefix(name, b.dir+"/"); ok {
					got = append(got, rest)
				}
			}
			if want := strings.Fields(c.want); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}
