package main

import (
	"context"
	"fmt"
	"math/rand/v2"
)

// measureStart takes the time from the start of the process to the first
// answer with a million aliases in the database and nothing on disk, and the
// memory of a daemon with a full cache.
func measureStart(ctx context.Context, l *lab) error {
	rows := either(l, 1_000_000, 200_000)
	db, err := l.startDatabase(ctx)
	if err != nil {
		return err
	}
	defer db.Stop()
	if err := db.addAliases(ctx, 0, rows-1); err != nil {
		return err
	}
	cf, err := db.cf("aliases", aliasQuery)
	if err != nil {
		return err
	}
	asked := fmt.Sprintf("cache: {ttl: 1h, negative_ttl: 1h, entries: %d}\nmaps: {aliases: {cf: %s}}\n", either(l, 200_000, 40_000), cf)
	if err := l.reportFirstAnswer(ctx, rows, "loaded tables", "virtual", db.block(db.Addr())); err != nil {
		return err
	}
	if err := l.reportFirstAnswer(ctx, rows, ".cf map", "aliases", asked); err != nil {
		return err
	}
	return l.reportCache(ctx, asked, rows)
}

// reportFirstAnswer starts a daemon several times with nothing on disk.
func (l *lab) reportFirstAnswer(ctx context.Context, rows int, what, mapName, blocks string) error {
	d, err := l.newDaemon(blocks)
	if err != nil {
		return err
	}
	defer d.stop()
	var times []float64
	for range either(l, 7, 3) {
		if err := d.forget(); err != nil {
			return err
		}
		took, err := d.firstAnswer(ctx, l.binary, mapName, rand.IntN(rows))
		if err != nil {
			return err
		}
		times = append(times, 1000*took)
		d.kill()
	}
	l.report.add(fmt.Sprintf("%s aliases, cold start to first answer, %s, ms", count(rows), what), l.manyRows(atMost(100)),
		summarize(times), "nothing on disk")
	return nil
}

// reportCache fills the cache to its last entry, a quarter with what does not
// exist, and reads the memory.
func (l *lab) reportCache(ctx context.Context, blocks string, rows int) error {
	d, err := l.startDaemon(ctx, blocks, 0)
	if err != nil {
		return err
	}
	defer d.stop()
	entries := either(l, 200_000, 40_000) // the default of cache.entries
	found := entries / 4 * 3              // its share of what exists
	var questions []question
	for i := range entries {
		if i < found {
			questions = append(questions, socketmapQuestion("aliases", alias(i), "OK "+target(i)))
		} else {
			questions = append(questions, socketmapQuestion("aliases", unknown(i), "NOTFOUND "))
		}
	}
	c, err := newCrowd(ctx, "unix", d.unix, 32, questions)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.askAll(); err != nil {
		return err
	}
	held, err := d.metric("postern_cache_entries")
	if err != nil {
		return err
	}
	resident, err := settledResident(ctx, d.pid())
	if err != nil {
		return err
	}
	l.report.add(fmt.Sprintf("resident with %s cached answers of a .cf map, MiB", count(entries)), l.manyRows(atMost(120)),
		summarize([]float64{float64(resident) / (1 << 20)}), "%.0f entries held", held)
	return nil
}
