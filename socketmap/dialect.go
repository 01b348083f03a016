package socketmap

import "strings"

// Dialect is what the handler does otherwise for peers that are used to another
// server. The zero value is the protocol of the package comment. What another
// server is said to do here is so for PostSRSd 2.4; see the tests for its
// complete set of values.
type Dialect struct {
	// CStrings reads a request as a server does that is written in C, with
	// strtok_r(3):
	//
	//   - spaces before the name of the map are skipped;
	//   - a name ends at the first space or NUL, a key at the first NUL;
	//   - a request without a space is a name with an empty key; one without a
	//     name is malformed;
	//   - the length of a netstring may have leading zeros and, for an empty
	//     one, no digits at all.
	//
	// Limits.Key counts all bytes behind the space that ends the name, or from
	// the NUL on that does.
	CStrings bool

	// LengthFirst judges the length of a key before the name of its map.
	LengthFirst bool

	// RawValues sends values of any bytes, also those that are not UTF-8: where
	// keys are turned into values, a value is no worse than its key. One with a
	// NUL stays an error.
	RawValues bool
}

// split gives the name of the map and what follows it.
func (d Dialect) split(request string) (name, rest string, err error) {
	if d.CStrings {
		return splitCString(request)
	}
	name, rest, space := strings.Cut(request, " ")
	if !space {
		err = malformed("no space between the name of a map and a key")
	}
	return name, rest, err
}

// splitCString leaves a NUL that ends the name to what follows it.
func splitCString(request string) (name, rest string, err error) {
	request = strings.TrimLeft(request, " ")
	end := 0
	for end < len(request) && request[end] != ' ' && request[end] != 0 {
		end++
	}
	if end == 0 {
		return "", "", malformed("no name of a map")
	}
	return request[:end], strings.TrimPrefix(request[end:], " "), nil
}

// key is what the map is asked for.
func (d Dialect) key(rest string) string {
	if d.CStrings {
		rest, _, _ = strings.Cut(rest, "\x00")
	}
	return rest
}
