package main

import (
	"context"
	"fmt"
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
		ours := server{w.network, w.address, d.cpu, cachedQuestions(w.framing, w.mapName)}
		if err := l.compareEcho(ctx, w.what, ours, w.framing, atLeast(w.floor)); err != nil {
			return err
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
