package watch

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// step is something that happens to the file "f".
type step struct {
	do      func(b *bench)
	changes bool
}

func TestChanges(t *testing.T) {
	with := func(changes bool, do func(b *bench)) step { return step{do, changes} }
	for _, c := range []struct {
		name  string
		setup func(b *bench)
		steps []step
	}{
		{"written in place", func(b *bench) { b.write("f", "one") }, []step{
			with(true, func(b *bench) { b.write("f", "two") }),
			with(false, func(b *bench) { b.write("f", "two") }),
			with(true, func(b *bench) { b.write("f", "") }),
			with(true, func(b *bench) { b.write("f", "one") }),
		}},
		{"replaced by rename", func(b *bench) { b.write("f", "one") }, []step{
			with(true, func(b *bench) { b.replace("f", "two") }),
			with(false, func(b *bench) { b.replace("f", "two") }),
			with(true, func(b *bench) { b.replace("f", "three") }),
			with(true, func(b *bench) { b.write("f", "four") }),
		}},
		{"touched", func(b *bench) { b.write("f", "one") }, []step{
			with(false, func(b *bench) { b.must(os.Chtimes(b.path("f"), time.Time{}, time.Unix(1, 0))) }),
			with(false, func(b *bench) { b.must(os.Chmod(b.path("f"), 0o400)) }),
		}},
		{"removed and made again", func(b *bench) { b.write("f", "one") }, []step{
			with(false, func(b *bench) { b.remove("f") }),
			with(false, func(b *bench) { b.write("f", "one") }),
			with(false, func(b *bench) { b.remove("f") }),
			with(true, func(b *bench) { b.write("f", "two") }),
			with(true, func(b *bench) { b.remove("f"); b.write("f", "three") }),
		}},
		{"not there yet", nil, []step{
			with(true, func(b *bench) { b.write("f", "one") }),
			with(true, func(b *bench) { b.replace("f", "two") }),
		}},
		{"something else in its place", func(b *bench) { b.write("f", "one") }, []step{
			with(false, func(b *bench) { b.remove("f"); b.mkdir("f") }),
			with(false, func(b *bench) { b.remove("f"); b.must(syscall.Mkfifo(b.path("f"), 0o600)) }),
			with(true, func(b *bench) { b.remove("f"); b.write("f", "two") }),
		}},
		{"symbolic link", func(b *bench) { b.write("one", "one"); b.write("two", "two"); b.link("one", "f") }, []step{
			with(true, func(b *bench) { b.relink("two", "f") }),
			with(true, func(b *bench) { b.write("two", "three") }),
			with(true, func(b *bench) { b.replace("two", "four") }),
			with(false, func(b *bench) { b.write("five", "four"); b.relink("five", "f") }),
			with(false, func(b *bench) { b.relink("nowhere", "f") }),
			with(false, func(b *bench) { b.relink("f", "f") }), // to itself
			with(true, func(b *bench) { b.relink(b.path("one"), "f") }),
		}},
		{"Kubernetes", func(b *bench) {
			b.mkdir("..1")
			b.write("..1/f", "one")
			b.link("..1", "..data")
			b.link("..data/f", "f")
		}, []step{
			with(true, func(b *bench) {
				b.mkdir("..2")
				b.write("..2/f", "two")
				b.relink("..2", "..data")
				b.remove("..1")
			}),
			with(false, func(b *bench) {
				b.mkdir("..3")
				b.write("..3/f", "two")
				b.relink("..3", "..data")
				b.remove("..2")
			}),
			with(true, func(b *bench) { b.write("..3/f", "three") }),
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.write("other", "other")
			if c.setup != nil {
				c.setup(b)
			}
			b.run("f", "other")
			want := 0
			for n, s := range c.steps {
				s.do(b)
				b.await(s.changes)
				if s.changes {
					want++
				}
				if t.Failed() {
					t.Fatalf("step %d", n+1)
				}
			}
			// Whatever was missed, or comes late, comes with this at the latest.
			b.write("other", "changed")
			b.await(true)
			b.end()
			if want++; b.calls != want {
				t.Errorf("Changed was called %d times, want %d\n%s", b.calls, want, b.log)
			}
		})
	}
}

func TestDirectories(t *testing.T) {
	for _, c := range []struct {
		name  string
		setup func(b *bench)
		steps []step
	}{
		{"not there yet", nil, []step{
			{func(b *bench) { b.mkdir("a/b"); b.write("a/b/f", "one") }, true},
			{func(b *bench) { b.replace("a/b/f", "two") }, true},
			{func(b *bench) { b.remove("a") }, false},
			{func(b *bench) { b.mkdir("a/b"); b.write("a/b/f", "two") }, false},
			{func(b *bench) { b.write("a/b/f", "three") }, true},
		}},
		{"replaced", func(b *bench) { b.mkdir("a/b"); b.write("a/b/f", "one") }, []step{
			{func(b *bench) {
				b.mkdir("new/b")
				b.write("new/b/f", "two")
				b.must(os.Rename(b.path("a"), b.path("old")))
				b.must(os.Rename(b.path("new"), b.path("a")))
			}, true},
			{func(b *bench) { b.write("a/b/f", "three") }, true},
			{func(b *bench) { b.replace("a/b/f", "four") }, true},
		}},
		{"a symbolic link to it", func(b *bench) {
			b.mkdir("one/b")
			b.mkdir("two/b")
			b.write("one/b/f", "one")
			b.write("two/b/f", "two")
			b.link("one", "a")
		}, []step{
			{func(b *bench) { b.relink("two", "a") }, true},
			{func(b *bench) { b.write("two/b/f", "three") }, true},
			{func(b *bench) { b.relink("../"+filepath.Base(b.dir)+"/one", "a") }, true},
			{func(b *bench) { b.write("one/b/f", "four") }, true},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			if c.setup != nil {
				c.setup(b)
			}
			b.run("a/b/f")
			want := 0
			for _, s := range c.steps {
				s.do(b)
				b.await(s.changes)
				if s.changes {
					want++
				}
			}
			b.end()
			if b.calls != want {
				t.Errorf("Changed was called %d times, want %d\n%s", b.calls, want, b.log)
			}
		})
	}
}

// A write in many steps is one change, if it does not take too long.
func TestWritesInSteps(t *testing.T) {
	b := newBench(t)
	b.files.Quiet = time.Minute // only AtMost ends this
	b.files.AtMost = 300 * time.Millisecond
	b.write("f", "")
	b.run("f")
	file, err := os.OpenFile(b.path("f"), os.O_WRONLY|os.O_APPEND, 0)
	b.must(err)
	defer file.Close()
	for range 1000 {
		_, err := file.WriteString("line\n")
		b.must(err)
	}
	b.await(true)
	b.end()
	if b.calls != 1 {
		t.Errorf("Changed was called %d times", b.calls)
	}
}

func TestSetWhileRunning(t *testing.T) {
	b := newBench(t)
	b.write("f", "one")
	b.write("g", "one")
	b.run("f")
	b.files.Set([]string{b.path("g")})
	b.await(false)
	b.write("f", "two")
	b.write("g", "two")
	b.await(true)
	b.end()
	if b.calls != 1 {
		t.Errorf("Changed was called %d times", b.calls)
	}
}

// What comes between Set and the watch is no less a change.
func TestChangeBeforeRun(t *testing.T) {
	b := newBench(t)
	b.write("f", "one")
	b.files.Set([]string{b.path("f")})
	b.write("f", "two")
	ctx, cancel := context.WithCancel(t.Context())
	b.files.Changed = func() { b.calls++; cancel() }
	b.files.Run(ctx)
	if b.calls != 1 {
		t.Errorf("Changed was called %d times", b.calls)
	}
}

// A reload that is caused otherwise has read the change already.
func TestSetTakesContentForKnown(t *testing.T) {
	b := newBench(t)
	b.write("f", "one")
	b.files.Quiet = time.Minute // the event alone causes no look
	b.run("f")
	b.write("f", "two")
	b.files.Set([]string{b.path("f")})
	b.await(false)
	b.end()
	if b.calls != 0 {
		t.Error("Changed was called")
	}
}

func TestSetFromChanged(t *testing.T) {
	b := newBench(t)
	b.write("f", "one")
	b.files.Changed = func() { b.calls++; b.files.Set([]string{b.path("f")}) }
	b.run("f")
	for _, text := range []string{"two", "three"} {
		b.write("f", text)
		b.await(true)
		b.await(false) // for Set
	}
}
