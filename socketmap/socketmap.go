// Package socketmap speaks socketmap_table(5), by which Postfix asks a server
// for the value of a key in a named map.
//
// # Wire
//
//	request = netstring( map-name SP key )
//	reply   = netstring( status SP text )
//	netstring = decimal-length ":" bytes ","
//
// The name ends at the first space; the key is all that follows, raw bytes,
// never quoted. One connection serves every map of an endpoint, so the name is
// looked up per request. Postfix sends one request at a time; requests sent
// ahead are answered in order.
//
// # Replies
//
//	OK value         found
//	NOTFOUND reason  not found; the space is there without a reason, too
//	TEMP reason      temporary trouble: 451, the mail is tried again
//	TIMEOUT reason   the same, because the map took too long
//	PERM reason      trouble that a human must mend; also 451, also tried again
//
// PERM does not reject mail. Postfix takes it for an error of configuration
// and the client defers until its queue lifetime ends. There is exactly one
// reply to each request; where that cannot be had, the connection ends.
//
// What a map says but Postfix cannot take becomes an error: an empty value is
// NOTFOUND (Postfix calls an empty result an error); a value with a NUL, at
// which Postfix would cut it, or one that is not UTF-8 is PERM; one that is
// longer than the reply limit is TEMP. A map that is not known is PERM with the
// names of those that are: "not found" would be believed. Reasons are one line
// of printable characters, at most 200 bytes.
//
// # Limits
//
// A key may have 10,000 bytes (socketmap_max_query_size of Postfix 3.12), a
// reply 100,000 (socketmap_max_reply_size). A length is judged digit by digit
// before anything is allocated. Leading zeros, signs and an empty length are
// refused although Postfix would read them. A request that is malformed or
// too large is answered with PERM and the connection ends, since the next
// request cannot be found in the stream. A key that is too long in a request
// that is not is answered with PERM and the connection stays.
//
// # Peers of another server
//
// The sentences behind PERM, the limits and how strictly the handler reads (see
// [Dialect]) are values, so that it can take the place of another server and
// nobody notices.
//
// # Time
//
// Time on the wire is the business of whoever owns the connection. Postfix
// waits 100 s for each read and each write, closes an idle connection after 10 s
// and any after 100 s, both only when it is back in its event loop.
//
// # Security
//
// The protocol has no authentication and no encryption: who can connect can
// ask. Use a unix socket with mode 0660 or loopback.
//
// # Known limits
//
// Postfix refuses socketmap where it wants data that cannot be forged:
// alias_maps of local(8), virtual_mailbox_maps of virtual(8). Its client sends
// the full key only, neither folded nor in parts; the search belongs to the map
// behind the handler.
package socketmap

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"time"

	"postern/internal/lookup"
	"postern/internal/turn"
)

// Handler answers socketmap requests from a set of maps. Maps must be set; the
// zero value of all else is good. A Handler must not be copied after use.
type Handler struct {
	// Maps gives the maps by name. It is asked once per request, so what it
	// gives may change from one to the next; the set itself must not change.
	Maps func() lookup.Set

	// Limits of request and reply; see DefaultLimits.
	Limits Limits

	// Words replace the handler's own sentences, for a peer or a test suite
	// that expects those of another server.
	Words Words

	// Dialect is for peers of another server. Like Words it changes nothing
	// unless it is set.
	Dialect Dialect

	// Timeout for a map to answer, 0 for none. Beyond it the reply is TIMEOUT.
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
	request, err := readNetstring(r, h.Limits.request(), h.Dialect.CStrings)
	var name, rest string
	if err == nil {
		name, rest, err = h.Dialect.split(request)
	}
	switch {
	case errors.Is(err, ErrMalformed):
		return h.refuse(w, err)
	case err != nil:
		return err
	}
	return h.answer(ctx, w, name, rest)
}

// refuse is the last reply of a connection that cannot go on.
func (h *Handler) refuse(w *bufio.Writer, err error) error {
	h.observe(lookup.UnknownMap, lookup.ResultMalformed, time.Now())
	text := h.Words.Malformed
	if text == "" {
		text = turn.Reason(err.Error())
	}
	return errors.Join(err, writeReply(w, statusPerm, text))
}

// answer asks the map of that name, if there is one, for the key in what
// followed the name, and replies.
func (h *Handler) answer(ctx context.Context, w *bufio.Writer, name, rest string) error {
	start := time.Now()
	set := h.Maps()
	m, known := set[name]
	if long := len(rest) > h.Limits.key(); long || !known {
		return h.object(w, name, set, long && (known || h.Dialect.LengthFirst), start)
	}
	key := h.Dialect.key(rest)
	value, found, err := h.guard.Lookup(ctx, &turn.Question{
		Map: m, Name: name, Key: key, Start: start, Timeout: h.Timeout,
		Writer: w, LastWord: lastWord, Observer: h.Observer, Log: h.Log,
	})
	if errors.Is(err, turn.ErrLate) {
		return err
	}
	s, text := outcome(value, found, err, h.Limits.reply(), h.Dialect.RawValues)
	if s != statusOK && found && value != "" && err == nil {
		h.complain(name, key, text)
	}
	h.observe(name, s.result(), start)
	return writeReply(w, s, text)
}

// object says what is wrong with a request that is well-formed: the length of
// its key, or the name of its map.
func (h *Handler) object(w *bufio.Writer, name string, set lookup.Set, long bool, start time.Time) error {
	label, text := lookup.UnknownMap, h.Words.longKey(h.Limits.key())
	if _, known := set[name]; known {
		label = name
	}
	if !long {
		text = h.Words.unknownMap(name, set)
	}
	h.observe(label, statusPerm.result(), start)
	return writeReply(w, statusPerm, text)
}

// complain tells a human about a value that no protocol can carry.
func (h *Handler) complain(name, key, text string) {
	if h.Log != nil {
		h.Log.Warn("a value cannot be sent to Postfix", "map", name, "key", turn.Reason(key), "reason", text)
	}
}

func (h *Handler) observe(name, result string, start time.Time) {
	if h.Observer != nil {
		h.Observer.ObserveLookup(name, result, time.Since(start))
	}
}
