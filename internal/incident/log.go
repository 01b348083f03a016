package incident

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"postern/internal/maillog"
)

// maxReached is how many deliveries a report lists; further ones are counted.
const maxReached = 100_000

// maxFollowed is how many messages of a login may be under way at once.
const maxFollowed = 1_000_000

// reached collects who got the mail in question.
type reached struct {
	match  match
	mine   map[string]bool // queue IDs of messages that a login handed in and that are not gone
	report *Report
}

// see looks at one event of the log. IDs are forgotten when their message is
// gone, because short ones are used again.
func (r *reached) see(e maillog.Event) error {
	switch e.Kind {
	case maillog.Accepted:
		if (r.match.login(e.SASLUsername) || e.OrigID != "" && r.mine[e.OrigID]) && len(r.mine) < maxFollowed {
			r.mine[strings.Clone(e.QueueID)] = true
		} else {
			delete(r.mine, e.QueueID)
		}
	case maillog.Removed:
		delete(r.mine, e.QueueID)
	case maillog.Delivery:
		if e.Sent() && (r.mine[e.QueueID] || r.match.recipient(e.To, e.OrigTo)) {
			r.add(e)
		}
	}
	return nil
}

// add keeps a delivery, without the line that its texts are parts of.
func (r *reached) add(e maillog.Event) {
	if len(r.report.Reached) == maxReached {
		r.report.More++
		return
	}
	r.report.Reached = append(r.report.Reached, Reached{
		Time: e.Time.UTC(), ID: strings.Clone(e.QueueID), To: strings.Clone(e.To), OrigTo: strings.Clone(e.OrigTo), Relay: strings.Clone(e.Relay),
	})
}

// readLogs fills in who was reached. A log that cannot be read is a note: the
// rest is done by then.
func (d *Desk) readLogs(ctx context.Context, report *Report, logs []string) error {
	r := &reached{match: newMatch(report.Kind, report.Name, d.Delimiter), mine: map[string]bool{}, report: report}
	report.Reached, report.Logs = []Reached{}, []string{}
	if len(logs) == 0 {
		found, err := d.findLogs(ctx)
		if err != nil {
			report.note("who was reached is not known: %v: name the log with --log", err)
			return nil
		}
		logs = found
	}
	for _, path := range logs {
		stats, err := maillog.File(ctx, path, d.Stdin, maillog.Options{Now: d.Now()}, r.see)
		report.Lines.Add(stats)
		report.Logs = append(report.Logs, path)
		if ctx.Err() != nil {
			return fmt.Errorf("%w: who was reached is told up to there", ctx.Err())
		}
		if err != nil {
			report.note("%v: what follows there is not told", err)
		}
	}
	if report.Lines.Lines > 0 && report.Lines.Events == 0 {
		report.note("none of the %d lines of the log is one of Postfix's: is it the mail log?", report.Lines.Lines)
	}
	return nil
}

// findLogs is Postfix's log with its past: maillog_file, or where rsyslog
// writes it.
func (d *Desk) findLogs(ctx context.Context) ([]string, error) {
	var own []byte
	_, err := d.Queue.Run(ctx, "", func(r io.Reader) (err error) {
		own, err = io.ReadAll(io.LimitReader(r, 4<<10))
		return err
	}, "postconf", d.Queue.flags("-x", "-h", "maillog_file")...)
	path := strings.TrimSpace(string(own))
	if err != nil || path == "" || path == "/dev/stdout" {
		path = d.SystemLog
	}
	if path == "" {
		return nil, errors.New("there is no mail log")
	}
	return maillog.Rotated(path)
}
