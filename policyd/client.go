package policyd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"postern/internal/redial"
)

const (
	// defaultClientTimeout leaves time for an answer within
	// smtpd_policy_service_timeout (100 s).
	defaultClientTimeout = 30 * time.Second

	// maxReply bounds a reply, in bytes. Postfix has no bound.
	maxReply = 16 << 10
)

// ClientOptions tune a Client. A field that is zero has its default.
type ClientOptions struct {
	Timeout     time.Duration // of a question with its connecting; 30 s
	Connections int           // at most; 8. Questions beyond wait
	Limits      Limits        // of requests; DefaultLimits
}

// Client asks a policy server as smtpd(8) does. It is safe for concurrent use.
type Client struct {
	where   string // network:address
	options ClientOptions
	pool    *redial.Pool
}

// NewClient makes a client of the server at an address as net.Dial takes it,
// for instance "tcp", "127.0.0.1:10040". It connects at the first question.
func NewClient(network, address string, o ClientOptions) *Client {
	if o.Timeout <= 0 {
		o.Timeout = defaultClientTimeout
	}
	return &Client{options: o, pool: redial.New(network, address, o.Connections), where: network + ":" + address}
}

// Close closes the connections.
func (c *Client) Close() error { return c.pool.Close() }

// Ask sends attributes and returns the action, for instance "DUNNO" or
// "450 4.7.1 try again"; the attribute request is added if it is missing. It
// reads what attr_scan of Postfix reads: the first attribute "action" is the
// answer, others are skipped, and without an action the question has failed,
// as it has when the server hangs up. An action without a value, which Postfix
// takes for OK, is an error here. Like Postfix it asks a second time if the
// connection breaks, so a server may count twice.
func (c *Client) Ask(ctx context.Context, attributes []Attribute) (action string, err error) {
	if action, err = c.ask(ctx, attributes); err != nil {
		return "", fmt.Errorf("policy server %s: %w", c.where, err)
	}
	return action, nil
}

func (c *Client) ask(ctx context.Context, attributes []Attribute) (action string, err error) {
	if err := sendable(attributes); err != nil {
		return "", err
	}
	request := appendRequest(nil, attributes)
	if limit := c.options.Limits.filled().Request; len(request) > limit {
		return "", fmt.Errorf("a request of %d bytes is over the limit of %d", len(request), limit)
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	err = c.pool.Do(ctx, func(r *bufio.Reader, w *bufio.Writer) error {
		_, _ = w.Write(request) // a bufio.Writer remembers its first error until Flush
		if err := w.Flush(); err != nil {
			return err
		}
		action, err = readReply(r)
		return err
	})
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("no reply, so Postfix would take the default_action of its setting: %w", err)
	}
	return action, err
}

// sendable refuses what would be read as something else (SMTPD_POLICY_README).
func sendable(attributes []Attribute) error {
	for _, a := range attributes {
		switch {
		case a.Name == "" || strings.ContainsAny(a.Name, "=\n\x00"):
			return fmt.Errorf("attribute name %.64q: it must have neither =, LF nor NUL and not be empty", a.Name)
		case strings.ContainsAny(a.Value, "\n\x00"):
			return fmt.Errorf("attribute %.64q: its value %.64q must have neither LF nor NUL", a.Name, a.Value)
		}
	}
	return nil
}

// readReply reads up to the empty line.
func readReply(r *bufio.Reader) (action string, err error) {
	found := false
	for left := maxReply; ; {
		line, err := readLine(r, left)
		if err != nil {
			return "", err
		}
		left -= len(line) + 1
		name, value, hasValue := bytes.Cut(line, []byte{'='})
		switch {
		case len(line) == 0:
			return action, judgeReply(action, found)
		case string(line) == "\r":
			return "", errors.New("reply: its lines end with CR LF: Postfix takes the CR for text and waits until smtpd_policy_service_timeout")
		case found || string(name) != "action":
		case !hasValue:
			return "", errors.New("reply: action without =")
		default:
			action, found = string(value), true
		}
	}
}

// judgeReply tells what is wrong with a reply that has come to its end.
func judgeReply(action string, found bool) error {
	switch {
	case !found:
		return errors.New("reply: no action in it")
	case action == "":
		return errors.New("reply: an empty action: Postfix takes it for OK, say DUNNO")
	case strings.IndexByte(action, 0) >= 0:
		return fmt.Errorf("reply: action %.64q contains a NUL", action)
	}
	return nil
}

// readLine reads a line of at most limit bytes with its LF and gives it without.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > limit || len(line) == limit && err != nil:
			return nil, fmt.Errorf("reply: longer than %d bytes", maxReply)
		case err == nil:
			return line[:len(line)-1], nil
		case err != bufio.ErrBufferFull:
			return nil, err
		}
	}
}
