package doctor

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"postern/internal/config"
	"postern/internal/postconf"
)

// readingKinds are the findings of checkReading.
func readingKinds() []Kind {
	return []Kind{
		{"configuration", Error, "postern.yaml has an error: no daemon starts with it"},
		{"postfix-unread", Error, "main.cf or master.cf has an error: Postfix does not start with it"},
		{"unreadable", Note, "a file could not be read and was not looked at"},
		{"instances", Note, "there are other instances of Postfix, which were not looked at"},
		{"version-unknown", Note, "Postfix could not be asked for its defaults: unknown parameters were not looked for"},
	}
}

// checkReading tells what could not be read, and why.
func checkReading(_ context.Context, h *Host, f *findings) {
	for _, err := range split(h.ConfigErr) {
		var e *config.Error
		switch {
		case noRight(err):
			f.add("unreadable", h.ConfigFile, "run postern check as root", "postern.yaml was not looked at: %v", reason(err))
		case errors.As(err, &e):
			f.add("configuration", place(e.File, e.Line), "correct the line; docs/configuration.md has every key", "no daemon starts: %v", e.Err)
		default:
			f.add("configuration", h.ConfigFile, "correct the file; docs/configuration.md has every key", "no daemon starts: %v", err)
		}
	}
	h.checkPostfixRead(f)
}

func (h *Host) checkPostfixRead(f *findings) {
	var fault *postconf.Fault
	switch err := h.PostfixErr; {
	case err == nil && h.Postfix == nil:
		return
	case h.PostfixAbsent:
		f.add("unreadable", h.PostfixDir, "run postern check on the host of Postfix, or name its folder with --postfix", "there is no Postfix configuration here, and none was looked at")
	case errors.As(err, &fault):
		f.add("postfix-unread", fault.Place.String(), "correct the line", "Postfix does not start, and its configuration was not looked at: %s", fault.Text)
	case noRight(err):
		f.add("unreadable", h.PostfixDir, "run postern check as root", "main.cf and master.cf were not looked at: %v", err)
	case err != nil:
		f.add("postfix-unread", h.PostfixDir, "name the folder of main.cf and master.cf with --postfix", "Postfix's configuration was not looked at: %v", err)
	}
	if h.Postfix == nil {
		return
	}
	if others := h.Postfix.OtherInstances(); len(others) > 0 {
		list := ""
		for _, w := range others {
			list += " " + w.Text
		}
		f.add("instances", others[0].Place.String(), "postern check --postfix DIR for each of them", "other instances have configurations of their own:%s", list)
	}
	if h.Version == "" {
		f.add("version-unknown", h.PostfixDir, "run postern check where postconf(1) is installed", "the defaults of Postfix 3.7 were assumed%s, and unknown parameters were not looked for", h.changedLater())
	}
}

// changedLater names the parameters that are not set, and that a later Postfix
// has another default for.
func (h *Host) changedLater() string {
	var list []string
	for name, later := range postconf.Changed() {
		if _, set := h.Postfix.Entry(name); !set {
			list = append(list, name+" = "+later)
		}
	}
	if len(list) == 0 {
		return ""
	}
	slices.Sort(list)
	return " (3.10 has " + strings.Join(list, ", ") + ")"
}

// split takes a joined error apart.
func split(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

func noRight(err error) bool   { return errors.Is(err, fs.ErrPermission) }
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
