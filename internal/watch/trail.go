package watch

import (
	"os"
	"path/filepath"
	"strings"
)

// maxLinks is how many symbolic links a name may lead through (path_resolution(7)).
const maxLinks = 40

// trail returns the names that path leads through, from the root down: each
// directory, each symbolic link and the file. Whatever happens to one of them
// may change what path leads to. It ends at the first name that is not there.
func trail(path string) []string {
	var names []string
	at, links := "/", 0
	todo := split(path)
	for len(todo) > 0 {
		step := todo[0]
		todo = todo[1:]
		if step == ".." {
			at = filepath.Dir(at)
			continue
		}
		name := filepath.Join(at, step)
		names = append(names, name)
		info, err := os.Lstat(name)
		if err != nil {
			break
		}
		if info.Mode()&os.ModeSymlink == 0 {
			at = name
			continue
		}
		target, err := os.Readlink(name)
		if links++; err != nil || links > maxLinks {
			break
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		todo = append(split(target), todo...)
	}
	return names
}

// split returns the steps of a path, without those that go nowhere.
func split(path string) []string {
	var steps []string
	for step := range strings.SplitSeq(path, "/") {
		if step != "" && step != "." {
			steps = append(steps, step)
		}
	}
	return steps
}
