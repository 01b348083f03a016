package main

import (
	"context"
	"fmt"
	"time"
)

// oneWay is half of the 30 ms to the database and back.
const oneWay = 15 * time.Millisecond

// measureDistance asks two daemons what one mail after the other makes Postfix
// ask: one daemon has the database 30 ms away. Senders and domains are
// distinct, and of the recipients 30 % do not exist.
func measureDistance(ctx context.Context, l *lab) error {
	const rows = 100_000
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
	var crowds [2]*crowd
	for i, delay := range []time.Duration{oneWay, 0} {
		line, err := newDelayLine(db.Addr(), delay)
		if err != nil {
			return err
		}
		defer line.close()
		d, err := l.startDaemon(ctx, db.block(line.addr()), rows)
		if err != nil {
			return err
		}
		defer d.stop()
		if crowds[i], err = newCrowd(ctx, "unix", d.unix, 16, mailQuestions(20_000)); err != nil {
			return err
		}
		defer crowds[i].close()
	}
	return l.compareDistance(ctx, crowds[0], crowds[1])
}

func (l *lab) compareDistance(ctx context.Context, far, near *crowd) error {
	// Slices are longer than the second between two readings of the change feed.
	slice := either(l, 1500*time.Millisecond, 1100*time.Millisecond)
	got, err := takeTurns(ctx, either(l, 6, 2), far.slice(slice), near.slice(slice))
	if err != nil {
		return err
	}
	for _, c := range []*crowd{far, near} {
		if n := c.wrong.Load(); n > 0 {
			l.say("distance: %v", c.complaint())
		}
	}
	l.report.add("lookups, 30 % unknown, database 30 ms away : 0 ms", atLeast(0.95), summarize(ratios(got[0], got[1])),
		"%s; not the right answer: %d of %d : %d of %d", rates("/s", got...),
		far.wrong.Load(), far.asked, near.wrong.Load(), near.asked)
	return nil
}

// mailQuestions are four questions a mail: the sender's domain, the sender,
// the recipient's domain, the recipient.
func mailQuestions(mails int) []question {
	var all []question
	for i := range mails {
		sender, recipient := fmt.Sprintf("sender%d@origin%d.example", i, i), alias(i)
		all = append(all,
			socketmapQuestion("virtual-domains", fmt.Sprintf("origin%d.example", i), "NOTFOUND "),
			socketmapQuestion("block-local-senders", sender, "NOTFOUND "),
			socketmapQuestion("virtual-domains", recipient[len("user0000000@"):], "OK 1"))
		if i%10 < 3 {
			all = append(all, socketmapQuestion("virtual", unknown(i), "NOTFOUND "))
		} else {
			all = append(all, socketmapQuestion("virtual", recipient, "OK "+target(i)))
		}
	}
	return all
}
