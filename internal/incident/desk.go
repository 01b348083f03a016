package incident

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"postern/internal/store"
)

// databaseTime bounds one step in the database.
const databaseTime = 30 * time.Second

// Desk is where incidents are worked on.
type Desk struct {
	Store     *store.Store
	Queue     *Queue
	Dir       string // of states and reports
	Host      string
	Delimiter string // recipient_delimiter
	SystemLog string // read where Postfix has no maillog_file
	Stdin     io.Reader
	Now       func() time.Time

	// Tell has running daemons read changed rows, and bans, anew; nil: they
	// find out by themselves.
	Tell func(ctx context.Context, rows []store.SwitchRow, bans ...store.BanTarget)
	// Against tells what stands against a row that Undo would restore, as that
	// it would lead in a circle with rows that came since; nil, or why empty:
	// nothing does.
	Against func(ctx context.Context, e *store.Edit, row store.SwitchRow) (why string, err error)

	// Settle waits until mail that was being accepted is in the queue; nil: no
	// second search.
	Settle func(ctx context.Context)
}

// Stop begins an incident. The report is nil if nothing was begun; with it,
// the error tells what is left to do.
func (d *Desk) Stop(ctx context.Context, q Request) (*Report, error) {
	kind, down, err := d.what(ctx, q)
	if err != nil {
		return nil, err
	}
	report := &Report{State: State{Host: d.Host, Kind: kind, Name: q.Name, Reason: q.Reason, Report: q.Report, Begun: d.Now().UTC()}, DryRun: q.DryRun}
	report.Rows, report.Held, report.Reached, report.Logs = []store.SwitchRow{}, []Message{}, []Reached{}, []string{}
	if q.DryRun {
		return report, d.imagine(ctx, report, q.Logs, down)
	}
	unlock, err := d.lock(ctx)
	if err != nil {
		return nil, err
	}
	return report, d.work(ctx, report, q.Logs, unlock)
}

// Continue goes on with an incident: what is not stopped yet, mail that came
// since, and the report anew.
func (d *Desk) Continue(ctx context.Context, id string, logs []string) (*Report, error) {
	s, unlock, err := d.open(ctx, id)
	if err != nil {
		return nil, err
	}
	report := &Report{State: *s}
	if err := d.resume(ctx, report); err != nil {
		unlock()
		return nil, err
	}
	return report, d.work(ctx, report, logs, unlock)
}

// resume finds out whether an incident can be continued, and as what.
func (d *Desk) resume(ctx context.Context, report *Report) error {
	if report.Undone != nil {
		return fmt.Errorf("%s: %w at %s: begin a new one", report.ID, ErrDone, minute(*report.Undone))
	}
	if report.Kind != Unknown {
		return nil
	}
	kind, down, err := d.what(ctx, Request{Name: report.Name})
	if err = errors.Join(err, down); err != nil {
		return err
	}
	report.Kind = kind
	return nil
}

// work stops and holds under the lock of the folder, and tells who was reached
// outside of it. After an error of one of them the others are done.
func (d *Desk) work(ctx context.Context, report *Report, logs []string, unlock func()) error {
	if err := d.begin(report); err != nil {
		unlock()
		report.ID = ""
		return fmt.Errorf("nothing was changed: %w", err)
	}
	stopped := d.stop(ctx, report)
	held := d.holdAll(ctx, report)
	unlock()
	if stopped != nil {
		stopped = fmt.Errorf("%w: %w", ErrNotStopped, stopped)
	}
	return errors.Join(stopped, held, d.readLogs(ctx, report, logs), d.writeReport(report))
}

// begin writes both files, so that a full disk shows before anything is
// changed.
func (d *Desk) begin(report *Report) (err error) {
	if report.ID == "" {
		if report.ID, err = d.newID(); err != nil {
			return err
		}
	}
	if report.Report == "" {
		report.Report = filepath.Join(d.Dir, report.ID+".md")
	}
	return errors.Join(d.save(&report.State), d.writeReport(report))
}

// stop has the database turn it off, on every host.
func (d *Desk) stop(ctx context.Context, report *Report) error {
	if report.Kind == Unknown {
		return errors.New("what it is cannot be told")
	}
	ctx, cancel := context.WithTimeout(ctx, databaseTime)
	defer cancel()
	var err error
	if report.Kind == Destination {
		err = d.ban(ctx, report)
	} else {
		err = d.switchOff(ctx, report)
	}
	if err != nil {
		return err
	}
	if report.Stopped == nil {
		now := d.Now().UTC()
		report.Stopped = &now
	}
	return d.save(&report.State)
}

// switchOff makes the rows inactive. They are written down before, so that a
// command that dies in between can be undone.
func (d *Desk) switchOff(ctx context.Context, report *Report) error {
	before := report.Rows
	active, keys, err := d.active(ctx, keysOf(report.Kind, report.Name))
	if err != nil {
		return err
	}
	report.Rows = merged(before, active)
	if err := d.save(&report.State); err != nil {
		report.Rows = before
		return err
	}
	off, err := d.Store.SwitchOff(ctx, keys...)
	if err != nil {
		return err // the plan stays: whether a lost commit was done is not known
	}
	report.Rows = merged(before, off)
	if len(off) == 0 {
		report.note("%s %.200q is inactive already: no row was changed", report.Kind, report.Name)
		return nil
	}
	if d.Tell != nil {
		d.Tell(ctx, off)
	}
	return nil
}

// active are the rows of keys that are on, as SwitchOff will leave them, and
// the keys without those of tables that the database does not have: logins may
// be kept elsewhere, and their senders here.
func (d *Desk) active(ctx context.Context, asked []store.SwitchKey) (rows []store.SwitchRow, keys []store.SwitchKey, missing error) {
	for _, key := range asked {
		found, err := d.Store.SwitchRows(ctx, key)
		if err != nil && store.MissingTable(err) {
			missing = err
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		keys = append(keys, key)
		for _, row := range found {
			if row.Active {
				row.Active, row.Modified = false, ""
				rows = append(rows, row)
			}
		}
	}
	if len(keys) == 0 {
		return nil, nil, missing
	}
	return rows, keys, nil
}

// merged is rows with others, each row once.
func merged(rows, others []store.SwitchRow) []store.SwitchRow {
	kept := slices.DeleteFunc(slices.Clone(rows), func(row store.SwitchRow) bool {
		return slices.ContainsFunc(others, func(o store.SwitchRow) bool { return o.Table == row.Table && o.ID == row.ID })
	})
	return append(kept, others...)
}

// ban bans a destination. Its reason is in the reply that strangers get.
func (d *Desk) ban(ctx context.Context, report *Report) error {
	if report.Ban != nil {
		return nil // this incident's own
	}
	target := store.BanTarget{Kind: "email", Value: report.Name}.Canonical()
	ban, _, err := d.Store.Bans(d.Now).Add(ctx, store.Ban{BanTarget: target, Reason: banReason(report.ID)}, false)
	if errors.Is(err, store.ErrBanned) {
		report.note("destination %.200q is banned already (#%d): no row was changed", report.Name, ban.ID)
		return nil
	}
	if err != nil {
		return err
	}
	report.Ban = &Ban{ID: ban.ID, Target: ban.Value}
	if d.Tell != nil {
		d.Tell(ctx, nil, target)
	}
	return nil
}

func banReason(id string) string { return "incident " + id }

// holdAll holds the mail that is queued, and once more what came meanwhile.
func (d *Desk) holdAll(ctx context.Context, report *Report) error {
	if err := d.holdOnce(ctx, report); err != nil {
		return err
	}
	if d.Settle == nil {
		return nil
	}
	d.Settle(ctx)
	return d.holdOnce(ctx, report)
}

// holdOnce holds what belongs to the incident and is not on hold. Mail that
// somebody else held stays his.
func (d *Desk) holdOnce(ctx context.Context, report *Report) error {
	found, err := d.Queue.find(ctx, newMatch(report.Kind, report.Name, d.Delimiter))
	if err != nil {
		return err
	}
	free := slices.DeleteFunc(found, func(m Message) bool { return m.Queue == "hold" })
	if len(free) == 0 {
		return nil
	}
	before := report.Held
	for _, m := range free {
		if !slices.ContainsFunc(before, m.same) {
			report.Held = append(report.Held, m)
		}
	}
	if err := d.save(&report.State); err != nil {
		report.Held = before
		return err
	}
	if err := d.Queue.hold(ctx, free); err != nil {
		return err
	}
	if err := d.check(ctx, report); err != nil {
		return err
	}
	return d.save(&report.State)
}

// check looks which messages really are on hold now.
func (d *Desk) check(ctx context.Context, report *Report) error {
	held, err := d.onHold(ctx)
	if err != nil {
		return err
	}
	for i, m := range report.Held {
		report.Held[i].Loose = !slices.ContainsFunc(held[m.ID], m.same)
	}
	return nil
}

// onHold is the hold queue by ID.
func (d *Desk) onHold(ctx context.Context) (map[string][]Message, error) {
	held := map[string][]Message{}
	err := d.Queue.pass(ctx, d.Queue.nullSender(ctx), func(l listed) { // what is on hold does not move
		if l.Queue == "hold" {
			held[l.ID] = append(held[l.ID], listed{ID: l.ID, Queue: l.Queue, Arrived: l.Arrived, Sender: l.Sender}.message())
		}
	})
	return held, err
}

// imagine fills in what Stop would do.
func (d *Desk) imagine(ctx context.Context, report *Report, logs []string, down error) error {
	var err error
	if report.Kind != Unknown && report.Kind != Destination {
		if report.Rows, _, err = d.active(ctx, keysOf(report.Kind, report.Name)); err != nil {
			down = err
		}
	}
	report.Held, err = d.Queue.find(ctx, newMatch(report.Kind, report.Name, d.Delimiter))
	report.Held = slices.DeleteFunc(report.Held, func(m Message) bool { return m.Queue == "hold" })
	if down != nil {
		down = fmt.Errorf("%w: %w", ErrNotStopped, down)
	}
	return errors.Join(down, err, d.readLogs(ctx, report, logs))
}

// keysOf are the rows that a name stands for.
func keysOf(kind Kind, name string) []store.SwitchKey {
	switch kind {
	case Login:
		return []store.SwitchKey{{Table: "smtp_users", Key: name}, {Table: "smtp_sender_acl", Key: name}}
	case Alias:
		return []store.SwitchKey{{Table: "alias", Key: name}}
	case Handle:
		return []store.SwitchKey{{Table: "alias_handle", Key: name}}
	}
	return nil
}

// what finds out what a name stands for. An alias to which others lead is an
// alias; a destination is what is nothing else. While the database does not
// answer (down), it is what the request says, or unknown.
func (d *Desk) what(ctx context.Context, q Request) (kind Kind, down, err error) {
	ctx, cancel := context.WithTimeout(ctx, databaseTime)
	defer cancel()
	if q.As == Destination {
		return Destination, nil, nil // nobody needs to have heard of it
	}
	kinds, down := d.named(ctx, q)
	if down == nil && len(kinds) == 0 && q.As == "" && strings.Contains(q.Name, "@") {
		var leads bool
		if leads, down = d.Store.LeadsTo(ctx, q.Name); leads {
			kinds = []Kind{Destination}
		}
	}
	switch {
	case down != nil && q.As == "":
		return Unknown, down, nil
	case down != nil:
		return q.As, down, nil
	case len(kinds) == 0:
		return "", nil, nobody(q)
	case len(kinds) > 1:
		return "", nil, &AmbiguousError{q.Name, kinds}
	}
	return kinds[0], nil, nil
}

// named are the kinds that have a row of that name.
func (d *Desk) named(ctx context.Context, q Request) (kinds []Kind, missing error) {
	tables := 0
	for _, k := range []Kind{Login, Alias, Handle} {
		if q.As != "" && q.As != k {
			continue
		}
		for _, key := range keysOf(k, q.Name) {
			rows, err := d.Store.SwitchRows(ctx, key)
			if err != nil && store.MissingTable(err) {
				missing = err
				continue
			}
			if err != nil {
				return nil, err
			}
			tables++
			if len(rows) > 0 && !slices.Contains(kinds, k) {
				kinds = append(kinds, k)
			}
		}
	}
	if tables == 0 {
		return nil, missing
	}
	return kinds, nil
}

func nobody(q Request) error {
	switch {
	case q.As != "":
		return fmt.Errorf("%.200q is no %s: nothing was changed", q.Name, q.As)
	case strings.Contains(q.Name, "@"):
		return fmt.Errorf("%.200q is %w: nothing was changed: --as destination bans an address that no alias names alone", q.Name, ErrNobody)
	}
	return fmt.Errorf("%.200q is %w: nothing was changed", q.Name, ErrNobody)
}
