package postsrsd

import "fmt"

// maxWarnings keeps a broken file from filling the log.
const maxWarnings = 50

// warnings are texts for the log, each with its place in front.
type warnings []string

func (w *warnings) add(at place, format string, args ...any) {
	switch {
	case len(*w) < maxWarnings:
		*w = append(*w, at.String()+": "+fmt.Sprintf(format, args...))
	case len(*w) == maxWarnings:
		*w = append(*w, at.file+": there are more warnings than these")
	}
}
