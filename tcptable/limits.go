package tcptable

// Limits bound the lines that the handler reads and writes, in bytes with
// their LF. A field that is zero has its value of DefaultLimits.
type Limits struct {
	Request int
	Reply   int
}

// DefaultLimits answer to DICT_TCP_MAXLEN, what Postfix reads of a reply.
func DefaultLimits() Limits { return Limits{Request: 4096, Reply: 4096} }

func (l Limits) request() int { return or(l.Request, DefaultLimits().Request) }
func (l Limits) reply() int   { return or(l.Reply, DefaultLimits().Reply) }

func or(value, otherwise int) int {
	if value > 0 {
		return value
	}
	return otherwise
}
