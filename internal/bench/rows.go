package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"strconv"
	"time"
)

// measureRows starts the daemon with two million aliases: from the database
// against the raw stream of the same rows, and from its disk copy with the
// database dead.
func measureRows(ctx context.Context, l *lab) error {
	rows := either(l, 2_000_000, 200_000)
	db, err := l.startDatabase(ctx)
	if err != nil {
		return err
	}
	defer db.Stop()
	if err := db.addAliases(ctx, 0, rows-1); err != nil {
		return err
	}
	if err := db.Load(ctx, db.feed); err != nil {
		return err
	}
	l.say("rows: %d aliases are in the database", rows)
	d, err := l.newDaemon(db.block(db.Addr()))
	if err != nil {
		return err
	}
	defer d.stop()
	cold := func(ctx context.Context) (float64, error) { return d.coldStart(ctx, l.binary, rows) }
	raw := func(ctx context.Context) (float64, error) { return db.stream(ctx) }
	times, err := takeTurns(ctx, either(l, 2, 1), raw, cold)
	if err != nil {
		return err
	}
	l.report.add(fmt.Sprintf("%s aliases loaded : raw stream", count(rows)), l.manyRows(atMost(2)),
		summarize(ratios(times[1], times[0])), "%s", rates(" s", times[1], times[0]))
	if err := l.reportMemory(ctx, d, rows); err != nil {
		return err
	}
	return l.compareDiskCopy(ctx, db, d, rows, summarize(times[0]).median)
}

// coldStart is the seconds from the start of the process, with an empty state
// directory, to all rows loaded.
func (d *daemon) coldStart(ctx context.Context, binary string, rows int) (float64, error) {
	d.stop()
	if err := d.forget(); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := d.begin(binary); err != nil {
		return 0, err
	}
	err := d.awaitRows(ctx, rows)
	return time.Since(began).Seconds(), err
}

// stream is the seconds that the stock client takes for the same SELECT.
func (d *database) stream(ctx context.Context) (float64, error) {
	cmd := exec.CommandContext(ctx, "mariadb", "--no-defaults", "--quick", "-N", "-u", d.User(), "-p"+d.Password(),
		"-h", "127.0.0.1", "-P", strconv.Itoa(d.Port()), d.Database(), "-e", "SELECT address, goto FROM alias")
	cmd.Stdout = nil // /dev/null
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("mariadb --quick: %w", err)
	}
	return time.Since(began).Seconds(), nil
}

// reportMemory sets the resident memory beside the bytes of keys and values.
func (l *lab) reportMemory(ctx context.Context, d *daemon, rows int) error {
	resident, err := settledResident(ctx, d.pid())
	if err != nil {
		return err
	}
	raw := rows * (len(alias(0)) + len(target(0)))
	l.report.add(fmt.Sprintf("%s aliases resident : raw bytes", count(rows)), l.manyRows(atMost(2)),
		summarize([]float64{float64(resident) / float64(raw)}), "%s : %s", mib(resident), mib(int64(raw)))
	return nil
}

// compareDiskCopy kills the database and starts the daemon on what it saved.
func (l *lab) compareDiskCopy(ctx context.Context, db *database, d *daemon, rows int, raw float64) error {
	d.stop()
	if err := db.Kill(); err != nil {
		return err
	}
	var shares, times []float64
	for range either(l, 5, 3) {
		took, err := d.firstAnswer(ctx, l.binary, "virtual", rand.IntN(rows))
		if err != nil {
			return err
		}
		times, shares = append(times, took), append(shares, took/raw)
		d.stop()
	}
	l.report.add(fmt.Sprintf("%s aliases, first answer from the disk copy, database dead : raw stream", count(rows)),
		l.manyRows(atMost(0.5)), summarize(shares), "%s : %s s", figure(summarize(times).median), figure(raw))
	return nil
}

// firstAnswer is the seconds from the start of the process to the right answer
// for one alias.
func (d *daemon) firstAnswer(ctx context.Context, binary, mapName string, i int) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	q := socketmapQuestion(mapName, alias(i), "OK "+target(i))
	began := time.Now()
	if err := d.begin(binary); err != nil {
		return 0, err
	}
	err := d.await(ctx, time.Millisecond, func() bool { return d.answers(q) })
	return time.Since(began).Seconds(), err
}

// answers reports whether the daemon gives the right reply now.
func (d *daemon) answers(q question) bool {
	conn, err := net.Dial("unix", d.unix)
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := conn.Write(q.ask); err != nil {
		return false
	}
	reply := make([]byte, len(q.reply))
	_, err = io.ReadFull(conn, reply)
	return err == nil && string(reply) == string(q.reply)
}

// manyRows is a floor that only the full number of rows is held to: in a tenth
// of them what a process takes anyway outweighs the rows.
func (l *lab) manyRows(f floor) floor { return either(l, f, floor{}) }

// count prints a round number.
func count(n int) string {
	if n >= 1_000_000 {
		return fmt.Sprintf("%d million", n/1_000_000)
	}
	return fmt.Sprintf("%d,000", n/1000)
}

func mib(n int64) string { return figure(float64(n)/(1<<20)) + " MiB" }
