package serve

// end is the reason for which a connection ended, and the value of the label
// of the same name.
type end int32

const (
	endNone      end = iota // not yet
	endClosed               // the peer left between two requests
	endTruncated            // the peer left within a request
	endUnasked              // no first request within Limits.FirstRequest
	endIdle                 // no further request within Limits.Idle
	endTimeout              // the rest of a request not within Limits.Request
	endWrite                // a reply could not be sent
	endError                // the connection broke
	endRefused              // the handler ended it, as a malformed request
	endPanic                // the handler panicked
	endEvicted              // closed to make room
	endDrained              // released by a stop, nothing left to answer
	endAborted              // cut off when the drain time was over
	endCount
)

// String is the label's value.
func (e end) String() string {
	switch e {
	case endClosed:
		return "closed"
	case endTruncated:
		return "truncated"
	case endUnasked:
		return "unasked"
	case endIdle:
		return "idle"
	case endTimeout:
		return "timeout"
	case endWrite:
		return "write"
	case endError:
		return "error"
	case endRefused:
		return "refused"
	case endPanic:
		return "panic"
	case endEvicted:
		return "evicted"
	case endDrained:
		return "drained"
	case endAborted:
		return "aborted"
	}
	return "none"
}
