package lookup

import "context"

// Broken stands in for a map that could not be opened: every lookup fails
// with err, the reason, and the other maps live on. Postfix does the same for
// its own tables (dict_surrogate): mail waits instead of bouncing.
func Broken(err error) Map {
	return Func(func(ctx context.Context, key string) (string, bool, error) {
		if trace := Trace(ctx); trace != nil {
			trace(Step{Key: key, Err: err, Note: "the map is not open"})
		}
		return "", false, err
	})
}
