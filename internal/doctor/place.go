package doctor

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"postern/internal/config"
)

// place is FILE:LINE, or FILE where no line is known.
func place(file string, line int) string {
	if line <= 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}

// splitPlace takes FILE:LINE apart; 0 is no line.
func splitPlace(at string) (file string, line int) {
	i := strings.LastIndexByte(at, ':')
	if i < 0 {
		return at, 0
	}
	n, err := strconv.Atoi(at[i+1:])
	if err != nil {
		return at, 0
	}
	return at[:i], n
}

// errPlace has a setting located and is never seen.
var errPlace = errors.New("place")

// setting is where a setting of postern.yaml stands; one that is not in the
// file stands at the file.
func (h *Host) setting(path string) string {
	var e *config.Error
	if h.Config != nil && errors.As(h.Config.At(path, errPlace), &e) {
		return place(e.File, e.Line)
	}
	return h.ConfigFile
}
