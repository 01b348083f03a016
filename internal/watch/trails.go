package watch

import (
	"log/slog"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

// trails are the names that the files lead through, and the watches on the
// directories that these names are in.
type trails struct {
	log     *slog.Logger
	watcher *fsnotify.Watcher // nil: there is none
	events  chan string       // names that something has happened to; "" may be any

	names     map[string]bool
	watched   map[string]bool   // directories
	complaint map[string]string // by directory
}

func newTrails(log *slog.Logger) *trails {
	t := &trails{log: log, complaint: map[string]string{}}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn("files cannot be watched: they are read every few seconds instead", "error", err)
		return t
	}
	t.watcher, t.events = watcher, make(chan string)
	go t.pass()
	return t
}

func (t *trails) close() {
	if t.watcher == nil {
		return
	}
	t.watcher.Close()
	for range t.events { // until pass has ended
	}
}

// pass turns what the watcher says into names. An error is about events that
// were lost.
func (t *trails) pass() {
	defer close(t.events)
	for {
		select {
		case event, ok := <-t.watcher.Events:
			if !ok {
				return
			}
			t.events <- event.Name
		case err, ok := <-t.watcher.Errors:
			if !ok {
				return
			}
			t.log.Debug("watching files", "error", err)
			t.events <- ""
		}
	}
}

// follow watches what the files lead through now, and nothing else. It reports
// whether it could.
func (t *trails) follow(files []string) (everything bool) {
	t.names = map[string]bool{}
	wanted := map[string]bool{}
	for _, file := range files {
		for _, name := range trail(file) {
			t.names[name] = true
			wanted[filepath.Dir(name)] = true
		}
	}
	if t.watcher == nil {
		return false
	}
	for dir := range t.watched {
		if !wanted[dir] {
			t.watcher.Remove(dir) // fails where the directory is gone, and the watch with it
		}
	}
	t.watched = wanted
	everything = true
	for dir := range wanted {
		// Again and again: the directory may be another one by now.
		err := t.watcher.Add(dir)
		t.complain(dir, err)
		everything = everything && err == nil
	}
	return everything
}

// complain says once that a directory cannot be watched.
func (t *trails) complain(dir string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != t.complaint[dir] {
		t.log.Warn("directory cannot be watched: the files behind it are read every few seconds instead", "directory", dir, "error", err)
	}
	t.complaint[dir] = text
}

// concerns reports whether the files may have changed when something has
// happened to name.
func (t *trails) concerns(name string) bool {
	return name == "" || t.names[name] || t.watched[name]
}
