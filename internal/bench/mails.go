package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"postern/internal/scratch"
)

// measureMails sends mail through Postfixes that are alike but for the type of
// their tables, by turns.
func measureMails(ctx context.Context, l *lab) error {
	db, err := l.startDatabase(ctx)
	if err != nil {
		return err
	}
	defer db.Stop()
	if err := errors.Join(fillMailRows(ctx, db), db.Load(ctx, db.feed)); err != nil {
		return err
	}
	d, err := l.startDaemon(ctx, db.block(db.Addr()), mailDomains*mailUsers)
	if err != nil {
		return err
	}
	defer d.stop()
	sink, err := scratch.StartSink(ctx, scratch.SinkOptions{Discard: true})
	if err != nil {
		return err
	}
	defer sink.Stop()
	var hosts []*host
	var sides []side
	for _, w := range wirings(db, d) {
		h, err := l.startHost(ctx, w, sink, map[string]int{"postern": d.pid(), "database": db.Pid()})
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		defer h.stop()
		hosts = append(hosts, h)
		sides = append(sides, h.slice(either(l, 300, 150)))
	}
	if _, err := takeTurns(ctx, 1, sides...); err != nil { // starts the processes
		return err
	}
	for _, h := range hosts {
		h.reset()
	}
	got, err := takeTurns(ctx, either(l, 8, 2), sides...)
	if err != nil {
		return err
	}
	l.reportMails(hosts, got)
	return l.reportLookups(d, hosts[0])
}

// reportMails sets the first wiring, postern, beside the others.
func (l *lab) reportMails(hosts []*host, got []series) {
	for i, h := range hosts {
		l.report.add("mails per second, "+h.name, floor{}, summarize(got[i]),
			"CPU a mail: Postfix %s, postern %s, database %s", micros(h.spent["postfix"], h.sent),
			micros(h.spent["postern"], h.sent), micros(h.spent["database"], h.sent))
	}
	floors := map[string]floor{"proxy:mysql:": atLeast(1.25), "btree:": atLeast(0.85)}
	for i, h := range hosts[1:] {
		l.report.add("mails per second, postern : "+h.name, floors[h.name],
			summarize(ratios(got[0], got[i+1])), "%s", rates("/s", got[0], got[i+1]))
	}
	ours := hosts[0]
	l.report.add("CPU of postern : CPU of its Postfix, %", floor{}, summarize([]float64{
		100 * ours.spent["postern"].Seconds() / ours.spent["postfix"].Seconds()}),
		"%s : %s a mail", micros(ours.spent["postern"], ours.sent), micros(ours.spent["postfix"], ours.sent))
}

// reportLookups says how many questions a mail makes, as the daemon counted
// them from its start.
func (l *lab) reportLookups(d *daemon, h *host) error {
	total, err := d.sum("postern_lookup_requests_total")
	if err != nil {
		return err
	}
	l.report.add("lookups of postern a mail", floor{}, summarize([]float64{total / float64(h.ever)}),
		"CPU %s each", micros(h.spent["postern"]*time.Duration(h.ever)/time.Duration(h.sent), int(total)))
	return nil
}

// host is a Postfix of one wiring.
type host struct {
	name    string
	postfix *scratch.Postfix
	log     mailLog
	beside  map[string]int
	slices  int
	ever    int // mails sent
	sent    int // since reset
	spent   map[string]time.Duration
}

func (l *lab) startHost(ctx context.Context, w wiring, sink *scratch.Sink, beside map[string]int) (*host, error) {
	p, err := w.start(ctx, sink)
	if err != nil {
		return nil, err
	}
	log, err := os.Open(filepath.Join(filepath.Dir(p.ConfigDir()), "maillog"))
	if err != nil {
		p.Stop()
		return nil, err
	}
	h := &host{name: w.name, postfix: p, log: mailLog{file: log}, beside: beside}
	h.reset()
	return h, nil
}

func (h *host) stop() {
	h.log.file.Close()
	h.postfix.Stop()
}

// reset begins to count anew.
func (h *host) reset() { h.sent, h.spent = 0, map[string]time.Duration{} }

// slice is a side that sends mails in ten sessions, and gives the mails per
// second from the first connection to the last mail gone from the queue.
func (h *host) slice(mails int) side {
	return func(ctx context.Context) (float64, error) {
		before, err := h.cpu()
		if err != nil {
			return 0, err
		}
		began := time.Now()
		if err := h.send(ctx, mails); err != nil {
			return 0, err
		}
		if err := h.awaitGone(ctx, mails); err != nil {
			return 0, err
		}
		took := time.Since(began)
		after, err := h.cpu()
		if err != nil {
			return 0, err
		}
		for name, t := range after {
			h.spent[name] += t - before[name]
		}
		h.sent += mails
		h.ever += mails
		return float64(mails) / took.Seconds(), nil
	}
}

// cpu reads the CPU time of all who take part.
func (h *host) cpu() (map[string]time.Duration, error) {
	postfix, err := cpuOfGroup(h.postfix.MasterPid())
	all := map[string]time.Duration{"postfix": postfix}
	for name, pid := range h.beside {
		t, failed := cpuOf(pid)
		all[name], err = t, errors.Join(err, failed)
	}
	return all, err
}

// send has smtp-source send from a new sender to new recipients of a new domain.
func (h *host) send(ctx context.Context, mails int) error {
	n := h.slices
	h.slices++
	out, err := exec.CommandContext(ctx, "/usr/sbin/smtp-source", "-4", "-N", "-s", "10", "-m", strconv.Itoa(mails), "-l", "2000",
		"-f", fmt.Sprintf("sender%d@origin%[1]d.example", n), "-t", fmt.Sprintf("user@fwd%02d.test", n%mailDomains),
		h.postfix.Addr()).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: smtp-source: %w: %.500s", h.name, err, out)
	}
	return nil
}

// awaitGone waits until the queue manager has removed so many mails, each of
// which must have left for the sink.
func (h *host) awaitGone(ctx context.Context, mails int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	gone := 0
	for {
		n, err := h.log.removed()
		if err != nil {
			return fmt.Errorf("%s: %w", h.name, err)
		}
		if gone += n; gone >= mails {
			return nil
		}
		if err := pause(ctx, 3*time.Millisecond); err != nil {
			return fmt.Errorf("%s: %d of %d mails left: %w", h.name, gone, mails, err)
		}
	}
}
