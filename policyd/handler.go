package policyd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"postern/internal/status"
)

// Handler answers policy requests. Policy must be set; the zero value of all
// else is good.
type Handler struct {
	Policy   func() *Policy // of the configuration in force
	Listener string         // what Request.Listener becomes
	Limits   Limits
	Metrics  *Metrics
	Log      *slog.Logger
	Tap      Tap            // sees what was answered, unless nil
	Recent   *status.Recent // remembers what was more than DUNNO, unless nil
	NewID    func() string  // names a decision; nil: status.NewID
}

// Tap sees requests and their answers. It must not keep the request.
type Tap interface {
	Tap(q *Request, d Decision)
}

// ServeRequest reads one request from r and writes its one reply to w, without
// a flush. An error ends the connection without a reply, and Postfix takes the
// default_action of its setting: after a request that cannot be read, and when
// a check is in trouble and does not say how it fails.
func (h *Handler) ServeRequest(ctx context.Context, r *bufio.Reader, w *bufio.Writer) error {
	q := newRequest()
	defer q.release()
	if err := q.read(r, h.Limits); err != nil {
		if errors.Is(err, ErrMalformed) && h.Metrics != nil {
			h.Metrics.malformed.Inc()
		}
		return err
	}
	start := time.Now()
	q.Listener = h.Listener
	d, err := h.Policy().Judge(ctx, q)
	if err != nil {
		if h.Metrics != nil {
			h.Metrics.observe(start, h.Metrics.noReply)
		}
		return fmt.Errorf("policy: no reply, so Postfix takes its default_action: %w", err)
	}
	if h.Tap != nil || !d.Action.IsDunno() || len(d.Shadows) > 0 {
		d.ID = h.tell(ctx, q, d)
	}
	if h.Metrics != nil {
		h.Metrics.observe(start, h.Metrics.answered)
	}
	return writeReply(w, d.Action.withID(d.ID))
}

// tell has log, Recent and tap know, and gives the id of the decision. On the way of a
// DUNNO that nobody wants to see, the decision is never put on the heap.
func (h *Handler) tell(ctx context.Context, q *Request, d Decision) (id string) {
	if !d.Action.IsDunno() || len(d.Shadows) > 0 {
		d.ID = h.newID()
		h.record(ctx, q, &d)
	}
	if h.Tap != nil {
		h.Tap.Tap(q, d)
	}
	return d.ID
}

func (h *Handler) newID() string {
	if h.NewID != nil {
		return h.NewID()
	}
	return status.NewID()
}

// record has log and Recent know of what was decided, and of each verdict in
// shadow. DUNNO is left out: three of them a mail would fill the journal.
func (h *Handler) record(ctx context.Context, q *Request, d *Decision) {
	for _, s := range d.Shadows {
		h.recordVerdict(ctx, q, d.ID, "shadow", s.Check, &s.Verdict)
	}
	if !d.Action.IsDunno() {
		v := Verdict{Action: d.Action, Rule: d.Rule, Reason: d.Reason, Routine: d.Routine}
		h.recordVerdict(ctx, q, d.ID, "enforce", d.Check, &v)
	}
}

func (h *Handler) recordVerdict(ctx context.Context, q *Request, id, mode, check string, v *Verdict) {
	if h.Log != nil {
		h.log(ctx, q, id, mode, check, v)
	}
	h.remember(q, id, mode, check, v)
}

// log writes a line. It hands it to the handler itself, as a slog.Logger would
// look up the place in the program each time.
func (h *Handler) log(ctx context.Context, q *Request, id, mode, check string, v *Verdict) {
	level := slog.LevelInfo
	if v.Routine {
		level = slog.LevelDebug
	}
	if h.Log.Enabled(ctx, level) {
		_ = h.Log.Handler().Handle(ctx, line(level, q, id, mode, check, v)) // there is nobody to tell, as in package slog
	}
}

// line is a log line as tools that read policy servers' logs expect it.
func line(level slog.Level, q *Request, id, mode, check string, v *Verdict) slog.Record {
	r := slog.NewRecord(time.Now(), level, "policy", 0)
	r.AddAttrs(
		slog.String("id", id),
		slog.String("action", v.Action.Name()),
		slog.String("mode", mode),
		slog.String("check", check),
		slog.String("rule", v.Rule),
		slog.String("reason", bounded(v.Reason)),
		slog.String("context", bounded(q.Context)),
		slog.String("state", bounded(q.State)),
		slog.String("client_address", bounded(q.ClientAddress)),
		slog.String("client_name", bounded(q.ClientName)),
		slog.String("helo", bounded(q.Helo)),
		slog.String("sender", bounded(q.Sender)),
		slog.String("recipient", bounded(q.Recipient)),
		slog.String("login", bounded(q.Login)),
		slog.String("queue_id", bounded(q.QueueID)),
		slog.String("instance", bounded(q.Instance)),
	)
	return r
}

// bounded keeps a log line short; slog escapes it.
func bounded(s string) string { return s[:min(len(s), 200)] }
