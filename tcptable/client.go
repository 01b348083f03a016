package tcptable

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"postern/internal/lookup"
	"postern/internal/redial"
	"postern/internal/turn"
)

// defaultClientTimeout leaves time for an answer within the 100 s of Postfix.
const defaultClientTimeout = 30 * time.Second

// ClientOptions tune a Client. A field that is zero has its default.
type ClientOptions struct {
	Timeout     time.Duration // of a lookup with its connecting; 30 s
	Connections int           // at most; 8. Lookups beyond wait
	Limits      Limits        // DefaultLimits
}

// Client asks a tcp_table server; it is itself a lookup.Map. What the map
// behind the server says is what the client says, as far as the protocol can
// carry it: a permanent error and a timeout arrive as temporary errors, and
// lookup.WithFresh and lookup.Unsure do not reach the other side. It is
// safe for concurrent use.
type Client struct {
	where   string // network:address
	options ClientOptions
	pool    *redial.Pool
}

var _ lookup.Map = (*Client)(nil)

// NewClient makes a client of the server at an address as net.Dial takes it,
// for instance "tcp", "127.0.0.1:10011". It connects at the first lookup.
func NewClient(network, address string, o ClientOptions) *Client {
	if o.Timeout <= 0 {
		o.Timeout = defaultClientTimeout
	}
	return &Client{options: o, pool: redial.New(network, address, o.Connections), where: network + ":" + address}
}

// Close closes the connections.
func (c *Client) Close() error { return c.pool.Close() }

// Lookup asks the server for key.
func (c *Client) Lookup(ctx context.Context, key string) (value string, found bool, err error) {
	start := time.Now()
	if value, found, err = c.ask(ctx, key); err != nil {
		err = fmt.Errorf("tcp_table %s: %w", c.where, err)
	}
	if trace := lookup.Trace(ctx); trace != nil {
		trace(lookup.Step{Map: c.where, Key: key, Source: "tcp_table " + c.where,
			Value: value, Found: found, Err: err, Duration: time.Since(start)})
	}
	return value, found, err
}

func (c *Client) ask(ctx context.Context, key string) (value string, found bool, err error) {
	request := appendQuoted([]byte("get "), key, false, upperHex)
	request = append(request, '\n')
	if limit := c.options.Limits.request(); len(request) > limit {
		return "", false, lookup.Permanent(fmt.Errorf("a request of %d bytes is over the limit of %d", len(request), limit))
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	var answer error // of the map, as against trouble on the wire
	err = c.pool.Do(ctx, func(r *bufio.Reader, w *bufio.Writer) error {
		_, _ = w.Write(request) // a bufio.Writer remembers its first error until Flush
		if err := w.Flush(); err != nil {
			return err
		}
		line, err := readLine(r, c.options.Limits.reply())
		if err != nil {
			return err
		}
		value, found, answer = parseReply(line)
		return malformedOnly(answer)
	})
	if err == nil {
		err = answer
	}
	if err != nil {
		return "", false, err
	}
	return value, found, nil
}

// malformedOnly is err if it costs the connection.
func malformedOnly(err error) error {
	if errors.Is(err, ErrMalformed) {
		return err
	}
	return nil
}

// parseReply reads a reply line as dict_tcp_lookup of Postfix does, only that
// an empty value, which Postfix takes for an error further up, is one here.
func parseReply(line []byte) (value string, found bool, err error) {
	if len(line) < 4 || !digits(line[:3]) || line[3] != ' ' && line[3] != '\t' {
		return "", false, malformed("reply %.32q: three digits and a space are expected", line)
	}
	text, err := unquote(line[4:])
	if err != nil {
		return "", false, err
	}
	switch line[0] {
	case '2':
		if text == "" {
			return "", false, lookup.Permanent(errors.New("200 without a value"))
		}
		return text, true, nil
	case '4':
		return "", false, fmt.Errorf("%s %s", line[:3], turn.Reason(text))
	case '5':
		if text == noReason {
			text = ""
		}
		return text, false, nil
	}
	return "", false, malformed("reply %.32q: unknown code", line)
}

func digits(b []byte) bool {
	return bytes.IndexFunc(b, func(r rune) bool { return r < '0' || r > '9' }) < 0
}
