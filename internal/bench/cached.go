package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// cachedKeys is how many keys are asked by turns: more than fit a CPU's cache
// and less than the daemon holds.
const cachedKeys = 10000

// measureCached asks the daemon for keys that it holds in memory and, by
// turns, an echo server of the same framing.
func measureCached(ctx context.Context, l *lab) error {
	db, err := l.startDatabase(ctx)
	if err != nil {
		return err
	}
	defer db.Stop()
	if err := db.addAliases(ctx, 0, 200_000-1); err != nil {
		return err
	}
	if err := db.Load(ctx, db.feed); err != nil {
		return err
	}
	cf, err := db.cf("aliases", aliasQuery)
	if err != nil {
		return err
	}
	table, err := freeAddress()
	if err != nil {
		return err
	}
	d, err := l.startDaemon(ctx, db.block(db.Addr())+fmt.Sprintf(`
cache: {ttl: 1h}
maps: {aliases: {cf: %s, search: virtual}}
tcptable: [{listen: "inet:%s", map: virtual}]
`, cf, table), 200_000)
	if err != nil {
		return err
	}
	defer d.stop()
	for _, w := range []struct {
		what, framing, network, address, mapName string
		floor                                    float64
	}{
		{"socketmap, loaded table, unix", "socketmap", "unix", d.unix, "virtual", 0.9},
		{"socketmap, loaded table, TCP", "socketmap", "tcp", d.tcp, "virtual", 0.9},
		{"socketmap, cached .cf map, unix", "socketmap", "unix", d.unix, "aliases", 0.9},
		{"socketmap, cached .cf map, TCP", "socketmap", "tcp", d.tcp, "aliases", 0.9},
		{"tcp_table, loaded table, TCP", "tcptable", "tcp", table, "virtual", 0.85},
	} {
		c := contest{l, d.pid(), w.framing, w.network, w.address, cachedQuestions(w.framing, w.mapName)}
		for _, clients := range []int{1, 8, 64} {
			what := fmt.Sprintf("%s, %d connections : echo", w.what, clients)
			if err := c.hold(ctx, what, clients, atLeast(w.floor)); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
		}
	}
	return nil
}

func cachedQuestions(framing, mapName string) []question {
	var all []question
	for i := range cachedKeys {
		if framing == "tcptable" {
			all = append(all, tcpQuestion(alias(i), "200 "+target(i)))
		} else {
			all = append(all, socketmapQuestion(mapName, alias(i), "OK "+target(i)))
		}
	}
	return all
}

// contest is a daemon and an echo server that are asked the same.
type contest struct {
	lab                       *lab
	pid                       int // of the daemon
	framing, network, address string
	questions                 []question
}

// hold is the contest for one number of clients.
func (c *contest) hold(ctx context.Context, what string, clients int, f floor) error {
	at := "127.0.0.1:0"
	if c.network == "unix" {
		dir, err := c.lab.folder()
		if err != nil {
			return err
		}
		at = filepath.Join(dir, "echo")
	}
	reply := c.questions[0].reply
	server, err := c.lab.startEcho(ctx, c.framing, c.network, at, string(reply))
	if err != nil {
		return err
	}
	defer server.stop()
	ours, err := newCrowd(ctx, c.network, c.address, clients, c.questions)
	if err != nil {
		return err
	}
	defer ours.close()
	bare, err := newCrowd(ctx, server.network, server.address, clients, sameReply(c.questions, reply))
	if err != nil {
		return err
	}
	defer bare.close()
	if err := ours.askAll(); err != nil { // fills the cache, too
		return err
	}
	a, b := metered{pid: c.pid}, metered{pid: server.cmd.Process.Pid}
	got, err := takeTurns(ctx, either(c.lab, 9, 3),
		a.side(ours.slice(sliceOf(c.lab))), b.side(bare.slice(sliceOf(c.lab))))
	if err != nil {
		return err
	}
	if err := errors.Join(ours.complaint(), bare.complaint()); err != nil {
		return err
	}
	c.lab.report.add(what, f, summarize(ratios(got[0], got[1])), "%s; CPU %s : %s each", rates("/s", got...),
		micros(a.spent, ours.asked-cachedKeys), micros(b.spent, bare.asked))
	return nil
}

// metered adds up the CPU time of a process during its slices.
type metered struct {
	pid   int
	spent time.Duration
}

func (m *metered) side(s side) side {
	return func(ctx context.Context) (float64, error) {
		before, err := cpuOf(m.pid)
		if err != nil {
			return 0, err
		}
		v, err := s(ctx)
		if err != nil {
			return 0, err
		}
		after, err := cpuOf(m.pid)
		m.spent += after - before
		return v, err
	}
}

// micros is the share of one among n.
func micros(d time.Duration, n int) string {
	return figure(float64(d.Microseconds())/float64(n)) + " µs"
}

func sliceOf(l *lab) time.Duration { return either(l, 150*time.Millisecond, 80*time.Millisecond) }
