package limit

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"postern/policyd"
)

// fail notes that a rule cannot be judged. The strictest of the rules in
// trouble says what becomes of the mail; one in shadow mode has no say.
func (c *Check) fail(p *plan, q *policyd.Request, r *rule, result string, err error) {
	c.unjudged(q, r, result, err)
	r.note(q, "trouble: "+err.Error())
	if r.shadow {
		return
	}
	if p.troubled == nil || strictness(r.Fail) > strictness(p.troubled.Fail) {
		p.troubled, p.err = r, err
	}
}

// unjudged counts and tells that a rule could not be judged.
func (c *Check) unjudged(q *policyd.Request, r *rule, result string, err error) {
	if q.Peek {
		return
	}
	r.metrics.charged(result)
	c.warn(r, "a rate limit cannot be judged", err, "")
}

// strictness orders what may become of mail in trouble.
func strictness(f policyd.Fail) int {
	switch f {
	case policyd.FailOpen:
		return 0
	case policyd.FailClosed:
		return 2
	}
	return 1
}

// failed reports trouble with which the mail does not pass.
func (p *plan) failed() bool { return p.troubled != nil && p.troubled.Fail != policyd.FailOpen }

// trouble is the verdict of the strictest rule in trouble.
func (c *Check) trouble(p *plan) (policyd.Verdict, error) {
	switch {
	case !p.failed():
		return p.passed(), nil
	case p.troubled.Fail == policyd.FailClosed:
		return policyd.Verdict{Action: policyd.Unavailable("rate limit"), Rule: p.troubled.Name, Reason: "trouble: " + p.err.Error()}, nil
	}
	return policyd.Verdict{}, fmt.Errorf("rule %s: %w", p.troubled.Name, p.err)
}

// passed lets the mail go on, and says where that is for want of an answer.
func (p *plan) passed() policyd.Verdict {
	if p.troubled == nil {
		return policyd.Verdict{}
	}
	return policyd.Verdict{Rule: p.troubled.Name, Reason: "trouble: " + p.err.Error()}
}

// warn writes trouble of a rule to the log, at most once a minute: a mail
// server in trouble has enough of it.
func (c *Check) warn(r *rule, what string, err error, key string) {
	if c.log == nil {
		return
	}
	skipped, due := r.warned.due(c.now())
	if !due {
		return
	}
	attrs := []any{slog.String("rule", r.Name), slog.String("error", bounded(err.Error())), slog.Int("not_shown", skipped)}
	if key != "" {
		attrs = append(attrs, slog.String("key", bounded(key)))
	}
	c.log.Warn("policy: rate_limits: "+what, attrs...)
}

// bounded keeps a log line short.
func bounded(s string) string { return strings.Clone(s[:min(len(s), 200)]) }

// throttle lets one through in a minute.
type throttle struct {
	mu      sync.Mutex
	last    time.Time
	skipped int
}

// due reports whether one may pass, and how many have not since the last. A
// clock that was set back does not silence it.
func (t *throttle) due(now time.Time) (skipped int, due bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if since := now.Sub(t.last); since >= 0 && since < time.Minute && !t.last.IsZero() {
		t.skipped++
		return 0, false
	}
	skipped, t.skipped, t.last = t.skipped, 0, now
	return skipped, true
}
