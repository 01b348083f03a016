package socketmap

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
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
	Limits      Limits        // Key and Reply; DefaultLimits
}

// Client asks a map of a socketmap server; it is itself a lookup.Map. What the
// map behind the server says is what the client says: found, not found with
// its reason, an error that is temporary or marked permanent. A TIMEOUT is an
// error that wraps context.DeadlineExceeded. What the protocol has no words for,
// lookup.WithFresh and lookup.Unsure, does not reach the other side. It is safe
// for concurrent use.
type Client struct {
	name    string
	where   string // network:address:name, as main.cf spells it
	options ClientOptions
	pool    *redial.Pool
}

var _ lookup.Map = (*Client)(nil)

// NewClient makes a client of the map called name at an address as net.Dial
// takes it, for instance "unix", "/run/postern/socketmap". It connects at the
// first lookup.
func NewClient(network, address, name string, o ClientOptions) *Client {
	if o.Timeout <= 0 {
		o.Timeout = defaultClientTimeout
	}
	c := &Client{options: o, pool: redial.New(network, address, o.Connections), where: network + ":" + address}
	return c.Named(name)
}

// Named is a client of another map of the same server, over the same
// connections.
func (c *Client) Named(name string) *Client {
	named := *c
	named.name = name
	return &named
}

// Close closes the connections of c and of its Named siblings.
func (c *Client) Close() error { return c.pool.Close() }

// Lookup asks the server for key.
func (c *Client) Lookup(ctx context.Context, key string) (value string, found bool, err error) {
	start := time.Now()
	if value, found, err = c.ask(ctx, key); err != nil {
		err = fmt.Errorf("socketmap %s:%s: %w", c.where, c.name, err)
	}
	if trace := lookup.Trace(ctx); trace != nil {
		trace(lookup.Step{Map: c.name, Key: key, Source: "socketmap " + c.where,
			Value: value, Found: found, Err: err, Duration: time.Since(start)})
	}
	return value, found, err
}

func (c *Client) ask(ctx context.Context, key string) (value string, found bool, err error) {
	if err := c.check(key); err != nil {
		return "", false, lookup.Permanent(err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	var reply string
	err = c.pool.Do(ctx, func(r *bufio.Reader, w *bufio.Writer) (err error) {
		if err = writeRequest(w, c.name, key); err == nil {
			reply, err = readNetstring(r, c.options.Limits.reply(), false)
		}
		return err
	})
	if err != nil {
		return "", false, err
	}
	return parseReply(reply)
}

// check refuses what the server would misread or refuse.
func (c *Client) check(key string) error {
	if c.name == "" || strings.IndexByte(c.name, ' ') >= 0 {
		return fmt.Errorf("map name %.64q: a name without spaces is needed", c.name)
	}
	if limit := c.options.Limits.key(); len(key) > limit {
		return fmt.Errorf("key of %d bytes is over the limit of %d", len(key), limit)
	}
	return nil
}

func writeRequest(w *bufio.Writer, name, key string) error {
	head := strconv.AppendInt(w.AvailableBuffer(), int64(len(name)+1+len(key)), 10)
	head = append(head, ':')
	head = append(head, name...)
	head = append(head, ' ')
	_, _ = w.Write(head) // a bufio.Writer remembers its first error until Flush
	_, _ = w.WriteString(key)
	_ = w.WriteByte(',')
	return w.Flush()
}

// parseReply reads a reply as dict_sockmap_lookup of Postfix does, only that
// an empty value, which Postfix takes for an error further up, is one here.
func parseReply(reply string) (value string, found bool, err error) {
	word, text, _ := strings.Cut(reply, " ")
	switch status(word) {
	case statusOK:
		if text == "" {
			return "", false, lookup.Permanent(errors.New("OK without a value"))
		}
		return text, true, nil
	case statusNotFound:
		return text, false, nil
	case statusPerm:
		return "", false, lookup.Permanent(fmt.Errorf("PERM %s", turn.Reason(text)))
	case statusTimeout:
		return "", false, fmt.Errorf("TIMEOUT %s: %w", turn.Reason(text), context.DeadlineExceeded)
	case statusTemp:
		return "", false, fmt.Errorf("TEMP %s", turn.Reason(text))
	}
	return "", false, malformed("reply: unknown status %.32q", word)
}
