package policyd

import (
	"bufio"
	"bytes"
	"math"
	"net/netip"
	"strconv"
	"sync"
)

var requests = sync.Pool{New: func() any { return new(Request) }}

func newRequest() *Request { return requests.Get().(*Request) }

func (q *Request) release() {
	clear(q.Attributes)
	*q = Request{Attributes: q.Attributes[:0]}
	requests.Put(q)
}

// read takes one request from r: io.EOF if there is none, io.ErrUnexpectedEOF
// if it breaks off.
func (q *Request) read(r *bufio.Reader, l Limits) error {
	l = l.filled()
	if _, err := r.Peek(1); err != nil {
		return err
	}
	if text := arrived(r); text != nil {
		end, err := q.parse(string(text), l)
		if err != nil {
			return err
		}
		_, _ = r.Discard(end) // as much is buffered
		return q.isPolicy()
	}
	text, err := collect(r, l)
	if err != nil {
		return err
	}
	if _, err := q.parse(string(text), l); err != nil {
		return err
	}
	return q.isPolicy()
}

// arrived gives what is in the buffer of r, if it has the end of a request.
// Postfix sends a request in one piece and waits for the reply, so as a rule
// that is where the buffer ends.
func arrived(r *bufio.Reader) []byte {
	b, _ := r.Peek(r.Buffered())
	end := []byte("\n\n")
	if bytes.HasSuffix(b, end) {
		return b
	}
	if n := bytes.Index(b, end); n >= 0 {
		return b[:n+len(end)]
	}
	return nil
}

// requestType is the value of the attribute request, which is required
// (SMTPD_POLICY_README).
const requestType = "smtpd_access_policy"

func (q *Request) isPolicy() error {
	switch q.kind {
	case requestType:
		return nil
	case "":
		return malformed("no attribute request=%s", requestType)
	}
	return malformed("request=%.64q; only %s is answered here", q.kind, requestType)
}

// set takes one attribute. Of one that is repeated the last counts.
func (q *Request) set(name, value string) {
	switch name {
	case "request":
		q.kind = value
	case "protocol_state":
		q.State = value
	case "policy_context":
		q.Context = value
	case "client_address":
		q.ClientAddress, q.Client = value, address(value)
	case "client_name":
		q.ClientName = value
	case "helo_name":
		q.Helo = value
	case "sender":
		q.Sender = value
	case "recipient":
		q.Recipient = value
	case "sasl_username":
		q.Login = value
	case "instance":
		q.Instance = value
	case "queue_id":
		q.QueueID = value
	case "recipient_count":
		q.RecipientCount = number(value)
	case "size":
		q.Size = number(value)
	}
}

// address is invalid for what is none, such as the "unknown" of XCLIENT.
func address(s string) netip.Addr {
	if s == "" || s == "unknown" {
		return netip.Addr{} // spares making an error
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// number is 0 for what is none. Out of range it is so large that it fits no
// limit and so small that sums of it are in range.
func number(s string) int64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil && n != math.MaxUint64 {
		return 0
	}
	return int64(min(n, 1<<50))
}
