package watch

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Where nothing can be watched, files are read again and again.
func TestPoll(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	b.files.Poll = 10 * time.Millisecond
	b.write("f", "one")
	none := limit
	none.Cur = 0 // no new descriptor: inotify_init(2) fails
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	trails := newTrails(b.files.Log)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	defer trails.close()
	if trails.follow([]string{b.path("f")}) {
		t.Error("all is watched, with nothing")
	}
	if !strings.Contains(b.log.String(), "files cannot be watched") {
		t.Errorf("log: %s", b.log)
	}

	b.files.Set([]string{b.path("f")})
	ctx, cancel := context.WithCancel(t.Context())
	b.files.Changed = func() { b.calls++; cancel() }
	b.files.missing = map[string]string{}
	rest := newRest(time.Second, time.Second)
	b.write("f", "two")
	for ctx.Err() == nil {
		b.files.wait(ctx, trails, rest, b.files.Poll)
		b.files.look()
	}
	if b.calls != 1 {
		t.Errorf("Changed was called %d times", b.calls)
	}
}

func TestDirectoryThatCannotBeWatched(t *testing.T) {
	b := newBench(t)
	b.write("f", "one")
	trails := newTrails(b.files.Log)
	defer trails.close()
	trails.watcher.Close() // whatever is added now cannot be
	for range 3 {
		if trails.follow([]string{b.path("f")}) {
			t.Error("all is watched")
		}
	}
	if got := strings.Count(b.log.String(), "directory="+b.dir+" "); got != 1 {
		t.Errorf("complained %d times:\n%s", got, b.log)
	}
}

func TestMissingFileIsComplainedOfOnce(t *testing.T) {
	b := newBench(t)
	b.write("f", "one")
	b.run("f")
	b.remove("f")
	b.await(false)
	b.mkdir("f")
	b.await(false)
	b.remove("f")
	b.await(false)
	b.end()
	if got := strings.Count(b.log.String(), "no such file or directory"); got != 2 {
		t.Errorf("complained %d times:\n%s", got, b.log)
	}
}
