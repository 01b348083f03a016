package policyd

import (
	"bufio"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"sync"
)

var requests = sync.Pool{New: func() any { return new(Request) }}

func newRequest() *Request { return requests.Get().(*Request) }

func (q *Request) release() {
	clear(q.Attributes)
	*q = Request{Attributes: q.Attributes[:0], marks: q.marks[:0]}
	requests.Put(q)
}

// read takes one request from r.
func (q *Request) read(r *bufio.Reader, l Limits) error {
	s := scan{limits: l.filled(), marks: q.marks[:0]}
	text, err := s.text(r)
	q.marks = s.marks
	if err != nil {
		return err
	}
	q.fill(text)
	return q.isPolicy()
}

// requestType is the value of the attribute request, which is required
// (SMTPD_POLICY_README).
const requestType = "smtpd_access_policy"

func (q *Request) isPolicy() error {
	if kind, sent := q.find("request"); !sent {
		return malformed("no attribute request=%s", requestType)
	} else if kind != requestType {
		return malformed("request=%.64q; only %s is answered here", kind, requestType)
	}
	return nil
}

// fill takes the attributes that are marked in text. Of those that are
// repeated the first counts, so the last is taken first.
func (q *Request) fill(text string) {
	q.Attributes = slices.Grow(q.Attributes[:0], len(q.marks))[:len(q.marks)]
	for i, m := range slices.Backward(q.marks) {
		name, value := text[m.start:m.equals], text[m.equals+1:m.end]
		q.Attributes[i] = Attribute{name, value}
		q.set(name, value)
	}
}

// set takes one attribute.
func (q *Request) set(name, value string) {
	switch name {
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
