package watch

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"postern/internal/logtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is the time after which a test has failed.
const patience = 30 * time.Second

// bench is a Files under test.
type bench struct {
	*testing.T
	dir   string
	files *Files
	looks chan bool // whether the look found a change
	log   *logtest.Log
	calls int
	end   func()
}

func newBench(t *testing.T) *bench {
	b := &bench{T: t, dir: t.TempDir(), looks: make(chan bool, 1000), log: &logtest.Log{}}
	b.files = &Files{
		Changed: func() { b.calls++ },
		Log:     slog.New(slog.NewTextHandler(b.log, nil)),
		Quiet:   100 * time.Millisecond,
		looked:  func(changed bool) { b.looks <- changed },
	}
	return b
}

// run starts to watch, and waits for the first look.
func (b *bench) run(names ...string) {
	var paths []string
	for _, name := range names {
		paths = append(paths, b.path(name))
	}
	b.files.Set(paths)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { b.files.Run(ctx); close(done) }()
	b.end = sync.OnceFunc(func() { cancel(); <-done })
	b.Cleanup(b.end)
	b.await(false)
	b.await(false) // for Set
}

// await waits for a look that finds a change, or finds none.
func (b *bench) await(changed bool) {
	b.Helper()
	for {
		select {
		case got := <-b.looks:
			if got == changed {
				return
			}
			if got {
				b.Fatalf("a change was found where there is none\n%s", b.log)
			}
		case <-time.After(patience):
			b.Fatalf("no look that found %v\n%s", changed, b.log)
		}
	}
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) write(name, text string) {
	b.Helper()
	b.must(os.WriteFile(b.path(name), []byte(text), 0o600))
}

func (b *bench) replace(name, text string) {
	b.Helper()
	b.write(name+".new", text)
	b.must(os.Rename(b.path(name+".new"), b.path(name)))
}

func (b *bench) mkdir(name string) { b.Helper(); b.must(os.MkdirAll(b.path(name), 0o755)) }

func (b *bench) remove(name string) { b.Helper(); b.must(os.RemoveAll(b.path(name))) }

func (b *bench) link(to, name string) { b.Helper(); b.must(os.Symlink(to, b.path(name))) }

// relink swaps a symbolic link as Kubernetes does.
func (b *bench) relink(to, name string) {
	b.Helper()
	b.link(to, name+"_tmp")
	b.must(os.Rename(b.path(name+"_tmp"), b.path(name)))
}
