package policyd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"sync"
)

// ErrMalformed marks what is no policy request. The connection ends without a
// reply.
var ErrMalformed = errors.New("malformed policy request")

// Limits bound a request. A field that is zero has its default.
type Limits struct {
	// Line is the longest attribute with its LF, in bytes. An SMTP command,
	// and so a sender, recipient or HELO name, is bounded by line_length_limit
	// (2,048); values of certificates are encoded.
	Line int

	// Request is the longest request, in bytes.
	Request int

	// Attributes is their greatest number. Postfix 3.12 sends 32.
	Attributes int
}

// DefaultLimits returns what a field of Limits that is zero stands for.
func DefaultLimits() Limits { return Limits{Line: 16 << 10, Request: 128 << 10, Attributes: 256} }

var requests = sync.Pool{New: func() any { return new(Request) }}

func newRequest() *Request { return requests.Get().(*Request) }

func (q *Request) release() {
	clear(q.Attributes)
	*q = Request{Attributes: q.Attributes[:0]}
	requests.Put(q)
}

// read takes one request from r.
func (q *Request) read(r *bufio.Reader, l Limits) error {
	var text bytes.Buffer
	for {
		line, err := r.ReadSlice('\n')
		text.Write(line)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err == io.EOF && text.Len() > 0 {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		if len(line) == 1 {
			break
		}
	}
	return q.parse(text.String())
}

// Parse reads a request from text: attributes, one a line.
func Parse(text string) (*Request, error) {
	q := new(Request)
	return q, q.parse(text)
}

func (q *Request) parse(text string) error {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return fmt.Errorf("%w: %.64q has no =", ErrMalformed, line)
		}
		q.set(name, value)
	}
	return nil
}

// set takes one attribute.
func (q *Request) set(name, value string) {
	q.Attributes = append(q.Attributes, Attribute{name, value})
	switch name {
	case "protocol_state":
		q.State = value
	case "policy_context":
		q.Context = value
	case "client_address":
		q.ClientAddress = value
		if a, err := netip.ParseAddr(value); err == nil {
			q.Client = a.Unmap().WithZone("")
		}
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

// number is 0 for what is none.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// writeReply frames an action: bare LF, for Postfix takes a CR for text and
// waits for more.
func writeReply(w *bufio.Writer, a Action) error {
	_, err := w.WriteString("action=" + a.String() + "\n\n")
	return err
}
