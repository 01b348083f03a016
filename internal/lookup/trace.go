package lookup

import (
	"context"
	"time"
)

// Step is one thing that a lookup did, for `postern query --explain`.
type Step struct {
	Map      string        // the map, table or source that was asked
	Key      string        // the key form it was asked
	Source   string        // memory, cache, stale cache, database, file, disk copy, rule
	Value    string        // the value, if Found; else a reason, if there is one
	Found    bool          //
	Err      error         // trouble, if any
	Rows     int           // database rows read
	Age      time.Duration // age of what was held, where it was held
	Duration time.Duration // time spent, where it is worth telling
	Note     string        // why a key form or a row was passed over
}

type traceKey struct{}

// WithTrace has every map below ctx report its steps. The hot path has no
// tracer and pays one context look-up.
func WithTrace(ctx context.Context, trace func(Step)) context.Context {
	return context.WithValue(ctx, traceKey{}, trace)
}

// Trace returns the tracer of ctx, or nil where nobody wants to know.
func Trace(ctx context.Context) func(Step) {
	trace, _ := ctx.Value(traceKey{}).(func(Step))
	return trace
}
