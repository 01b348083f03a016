package envelope

import (
	"errors"
	"fmt"
	"strings"

	"postern/internal/redisserver"
)

// location says where a store is.
type location struct {
	path   string               // of an SQLite file; "" if it is a Redis server
	server redisserver.Location // if path is ""
}

const grammar = ": write sqlite:PATH, " + redisserver.Grammar

// Validate reports what is wrong with the form of at, as [Open] would, without
// opening anything. The error does not repeat at, which may hold a password.
func Validate(at string) error {
	_, err := parse(at)
	return err
}

// String is the location without the password.
func (l location) String() string {
	if l.path != "" {
		return "sqlite:" + l.path
	}
	return l.server.String()
}

func parse(at string) (location, error) {
	l, err := parseForm(at)
	if err != nil {
		return location{}, fmt.Errorf("envelope store: location: %w", err)
	}
	return l, nil
}

func parseForm(at string) (location, error) {
	if path, isFile := strings.CutPrefix(at, "sqlite:"); isFile {
		return parseFile(path)
	}
	if !redisserver.Is(at) {
		return location{}, errors.New("no known kind of store" + grammar)
	}
	server, err := redisserver.Parse(at)
	if form, ok := errors.AsType[*redisserver.FormError](err); ok && form.Grammar {
		err = errors.New(form.Fact + grammar)
	}
	return location{server: server}, err
}

// parseFile refuses what SQLite takes for something else than a file.
func parseFile(path string) (location, error) {
	switch {
	case path == "":
		return location{}, errors.New("no file is named" + grammar)
	case strings.HasPrefix(path, ":"), strings.HasPrefix(path, "file:"):
		return location{}, errors.New("must be a plain path of a file on disk: senders have to outlive the process")
	case strings.ContainsRune(path, 0):
		return location{}, errors.New("a path holds no NUL")
	}
	return location{path: path}, nil
}
