// Package tcptable speaks tcp_table(5), by which Postfix asks a server for the
// value of a key in the one map of a port.
//
// # Wire
//
//	request = "get" SP quoted-key LF
//	reply   = "200" SP quoted-value LF     found
//	        | "500" SP quoted-text LF      not found
//	        | "400" SP quoted-text LF      trouble: 451, the mail is tried again
//
// Quoting is %XX for a percent sign, white space and whatever is no printable
// ASCII character. Decoding takes hexadecimal digits of either case and leaves
// all else as it is, spaces and 8-bit bytes included. In the texts of 500 and
// 400 spaces are not quoted, for the reader's sake.
//
// Requests that are sent ahead are answered in order. There is exactly one
// reply to each request.
//
// # Trouble
//
// A 500 is "not found", and Postfix believes it. So every kind of trouble is a
// 400: an error of the map, permanent or not (the protocol knows no
// difference); a map that panics or takes too long; a value that does not fit
// a reply line, contains a NUL, at which Postfix would cut it, or is not UTF-8.
// An empty value is a 500: Postfix calls an empty result an error. A request
// that is malformed or too long is answered with 400 too, and then the
// connection ends.
//
// Texts are one line of printable characters, at most 200 bytes before quoting.
//
// # Limits
//
// A reply line has at most 4,096 bytes with its LF (util/dict_tcp.c). A
// request line has the same limit here; Postfix has none for it. A carriage
// return before the LF is the line end of a terminal and no part of the key: a
// client that means one sends %0D. Other control characters that are not quoted
// make the request malformed.
//
// # Peers of another server
//
// What the handler says to a malformed request, the case of its hexadecimal
// digits, its limits and how strictly it reads (see [Dialect]) are values, so
// that it can take the place of another server and nobody notices.
//
// # Time
//
// Time on the wire is the business of whoever owns the connection. Postfix
// waits 100 s for each read and write and never closes an idle connection. If
// it finds one closed, it sleeps a second and tries again, up to ten times: a
// server should close as rarely as it can. After a 400 Postfix hangs up itself.
//
// # Security
//
// The protocol has no authentication and no encryption, and Postfix speaks it
// over TCP only. Listen on loopback.
//
// # Known limits
//
// Postfix refuses tcp tables where it wants data that cannot be forged
// (alias_maps of local(8), virtual_mailbox_maps of virtual(8)), and it sends the
// full key only, neither folded nor in parts; the search belongs to the map
// behind the handler.
package tcptable

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"time"

	"postern/internal/lookup"
	"postern/internal/turn"
)

// Handler answers tcp_table requests from one map. Map must be set; the zero
// value of all else is good. A Handler must not be copied after use.
type Handler struct {
	Map  lookup.Map
	Name string // of the map, for the observer and the log

	// Limits of request and reply lines; see DefaultLimits.
	Limits Limits

	// Malformed is the reply to a request that cannot be read, code and text
	// without LF, for a peer or a test suite that expects that of another
	// server. Empty, it is a 400 with the reason.
	Malformed string

	// LowerHex quotes with a to f instead of A to F. Postfix reads both.
	LowerHex bool

	// Dialect is for peers of another server. Like Malformed and LowerHex it
	// changes nothing unless it is set.
	Dialect Dialect

	// Timeout for the map to answer, 0 for none. Beyond it the reply is 400.
	// It should be well under the 100 s that Postfix waits.
	Timeout time.Duration

	// Observer counts lookups, unless nil.
	Observer Observer

	// Log receives what a human must mend, unless nil.
	Log *slog.Logger

	guard turn.Guard
}

// ServeRequest reads one request from r and writes its one reply to w, without
// a flush. An error ends the connection: io.EOF at the end of a conversation,
// io.ErrUnexpectedEOF in the middle of a request, ErrMalformed after a request
// that was refused, turn.ErrLate after a map that ignored its deadline.
func (h *Handler) ServeRequest(ctx context.Context, r *bufio.Reader, w *bufio.Writer) error {
	key, err := h.readKey(r)
	switch {
	case errors.Is(err, ErrMalformed):
		return h.refuse(w, err)
	case err != nil:
		return err
	}
	return h.answer(ctx, w, key)
}

// refuse is the last reply of a connection that cannot go on.
func (h *Handler) refuse(w *bufio.Writer, err error) error {
	h.observe(lookup.ResultMalformed, time.Now())
	if h.Malformed == "" {
		return errors.Join(err, h.writeReply(w, codeTrouble, turn.Reason(err.Error())))
	}
	_, failed := w.WriteString(h.Malformed + "\n")
	return errors.Join(err, failed)
}

// answer asks the map and replies.
func (h *Handler) answer(ctx context.Context, w *bufio.Writer, key string) error {
	start := time.Now()
	value, found, err := h.guard.Lookup(ctx, &turn.Question{
		Map: h.Map, Name: h.Name, Key: key, Start: start, Timeout: h.Timeout,
		Writer: w, LastWord: lastWord, Observer: h.Observer, Log: h.Log,
	})
	if errors.Is(err, turn.ErrLate) {
		return err
	}
	o := judge(value, found, err, h.Limits.reply(), h.Dialect.RawValues)
	if o.code != codeFound && found && value != "" && err == nil {
		h.complain(key, o.text)
	}
	h.observe(o.result, start)
	return h.writeReply(w, o.code, o.text)
}

// complain tells a human about a value that no reply can carry.
func (h *Handler) complain(key, text string) {
	if h.Log != nil {
		h.Log.Warn("a value cannot be sent to Postfix", "map", h.Name, "key", turn.Reason(key), "reason", text)
	}
}

func (h *Handler) observe(result string, start time.Time) {
	if h.Observer != nil {
		h.Observer.ObserveLookup(h.Name, result, time.Since(start))
	}
}
