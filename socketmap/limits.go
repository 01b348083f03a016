package socketmap

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"postern/internal/lookup"
	"postern/internal/turn"
)

// Limits bound what the handler reads and writes, in bytes. A field that is
// zero has its value of DefaultLimits.
type Limits struct {
	Request int // the payload of a request: name, space and key
	Key     int // the key alone
	Reply   int // the payload of a reply
}

// DefaultLimits answer to Postfix 3.12: socketmap_max_query_size (which bounds
// the key), room for a name of 255 bytes before it, and
// socketmap_max_reply_size.
func DefaultLimits() Limits {
	return Limits{Request: 255 + 1 + 10_000, Key: 10_000, Reply: 100_000}
}

func (l Limits) request() int { return or(l.Request, DefaultLimits().Request) }
func (l Limits) key() int     { return or(l.Key, DefaultLimits().Key) }
func (l Limits) reply() int   { return or(l.Reply, DefaultLimits().Reply) }

func or(value, otherwise int) int {
	if value > 0 {
		return value
	}
	return otherwise
}

// Words are sentences behind PERM. An empty one is said in the handler's own
// words.
type Words struct {
	Malformed  string // the request is no netstring, or too large, or names no map or no key
	LongKey    string // the key is longer than Limits.Key
	UnknownMap string // no map has that name
}

func (words Words) longKey(limit int) string {
	if words.LongKey != "" {
		return words.LongKey
	}
	return fmt.Sprintf("key is longer than %d bytes", limit)
}

// unknownMap names the maps that there are: the usual cause is a typing error
// in main.cf, and this text ends up in the log of Postfix.
func (words Words) unknownMap(name string, set lookup.Set) string {
	if words.UnknownMap != "" {
		return words.UnknownMap
	}
	known := slices.Sorted(maps.Keys(set))
	return turn.Reason(fmt.Sprintf("unknown map %.64q; known: %s", name, strings.Join(known, ", ")))
}
