package table

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"

	"postern/internal/lookup"
)

// face is a table that is asked per key, behind the cache that Options.PerKey puts in front of it.
type face struct{ m lookup.Map }

var errJoined = errors.New("the cached rows of a key cannot be told apart")

// values asks for the rows of key.
func (f *face) values(ctx context.Context, key string) ([]string, error) {
	joined, found, err := f.m.Lookup(ctx, key)
	if err != nil || !found {
		return nil, err
	}
	return split(joined)
}

// raw is the map below the cache: the rows of a key as one value.
func (t *Table) raw() lookup.Map {
	return lookup.Func(func(ctx context.Context, key string) (string, bool, error) {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		asked := t.now()
		values, err := t.get(ctx, key)
		t.traceAsk(ctx, key, result{values: values, err: err}, t.now().Sub(asked), "too large to be held")
		switch {
		case err != nil:
			t.metrics.asked("error")
		case len(values) == 0:
			t.metrics.asked("notfound")
		default:
			t.metrics.asked("found")
			return join(values), true, nil
		}
		return "", false, err
	})
}

// join makes one value of several: the length of each (uvarint) before it, so
// that no byte in them needs quoting.
func join(values []string) string {
	var b []byte
	for _, v := range values {
		b = binary.AppendUvarint(b, uint64(len(v)))
		b = append(b, v...)
	}
	return string(b)
}

// split undoes join.
func split(joined string) (values []string, err error) {
	for len(joined) > 0 {
		n, size := binary.Uvarint([]byte(joined[:min(len(joined), binary.MaxVarintLen64)]))
		if size <= 0 || n > uint64(len(joined)-size) {
			return nil, errJoined
		}
		joined = joined[size:]
		values = append(values, strings.Clone(joined[:n]))
		joined = joined[n:]
	}
	return values, nil
}
