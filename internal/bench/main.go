// Command bench measures postern against the floor (a bare echo server, a raw
// stream of rows) and against the stock stack, side by side in one run.
//
// # Use
//
//	go run ./internal/bench [-quick] [-only NAME,…]
//
// It prints what it does on stderr and one table, which is Markdown, on stdout.
// Without flags it takes about fourteen minutes on two cores, with -quick about
// two; then there are a tenth of the rows, fewer slices, and more noise.
//
// # How it measures
//
// Speed on a machine that others use changes by the minute, so nothing is
// compared with a figure of another run. What is compared works in short
// slices of time by turns (A B B A, or A B C C B A), each round gives one
// ratio, and the table has the median of the ratios with the range in which
// the true median lies with a confidence of 95 %. The daemon is the real
// program in a process of its own, and so is what it is compared with.
//
// # Floors
//
// A ratio that misses its floor is marked in the table; the exit status is 0
// all the same. It is 1 only where something could not be measured, and 2 for
// a wrong command line.
//
// # What it needs and touches
//
// MariaDB with its client, Postfix with postfix-mysql, PostSRSd 1.10,
// redis-server, the go command, and root for Postfix and for a /dev/log that
// only PostSRSd and what stands in for it see. Servers run in scratch folders on
// loopback (package scratch) and end with it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// measurement is one part of the run.
type measurement struct {
	name  string
	about string
	run   func(ctx context.Context, l *lab) error
}

func measurements() []measurement {
	return []measurement{
		{"cached", "lookups from memory against an echo server", measureCached},
		{"allocs", "allocations of a lookup from memory", measureAllocs},
		{"uncached", "lookups in the database against postmap -q on mysql:", measureUncached},
		{"rows", "two million rows: start and memory", measureRows},
		{"start", "a million rows: first answer; memory of a full cache", measureStart},
		{"distance", "the database 30 ms away against 0 ms", measureDistance},
		{"srs", "SRS against an echo server and against PostSRSd 1.10", measureSRS},
		{"policy", "policy decisions against an echo server; their allocations", measurePolicy},
		{"mails", "messages through Postfix, by table type", measureMails},
	}
}

// longest bounds one measurement, whatever hangs.
const longest = 6 * time.Minute

func main() {
	if help := helperOf(os.Args[1:]); help != nil {
		os.Exit(helperMain(help, os.Args[1:], os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	quick := flags.Bool("quick", false, "about two minutes: fewer rows and slices")
	only := flags.String("only", "", "comma-separated `names`: "+names(measurements()))
	if err := flags.Parse(args); err != nil {
		return 2
	}
	chosen, err := choose(*only, flags.Args())
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 2
	}
	l, err := newLab(ctx, *quick, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	defer l.close()
	failed := measureAll(ctx, l, chosen)
	l.report.write(stdout)
	if failed {
		return 1
	}
	return 0
}

// choose picks the measurements of flag -only.
func choose(only string, rest []string) ([]measurement, error) {
	all := measurements()
	if len(rest) > 0 {
		return nil, fmt.Errorf("%q: no arguments are taken: name measurements by -only", rest[0])
	}
	if only == "" {
		return all, nil
	}
	var chosen []measurement
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(all, func(m measurement) bool { return m.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no measurement %q: there are %s", name, names(all))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func names(list []measurement) string {
	var all []string
	for _, m := range list {
		all = append(all, m.name)
	}
	return strings.Join(all, ", ")
}

// measureAll runs one after the other and reports whether one could not be made.
func measureAll(ctx context.Context, l *lab, list []measurement) (failed bool) {
	for _, m := range list {
		began := time.Now()
		l.say("%s: %s", m.name, m.about)
		limited, cancel := context.WithTimeout(ctx, longest)
		err := m.run(limited, l)
		cancel()
		if ctx.Err() != nil {
			err = errors.New("interrupted")
		}
		if err != nil {
			failed = true
			l.say("%s: not measured: %v", m.name, err)
			l.report.fail(m.name, err)
		}
		if ctx.Err() != nil {
			return true
		}
		l.say("%s: took %s", m.name, time.Since(began).Round(time.Second))
	}
	return failed
}
