package bans

import (
	"errors"
	"log/slog"
	"time"
)

// A book is built in a few milliseconds for ten thousand rows, by the request
// that finds the table changed. Where the table changes all the time building
// takes a tenth of the time at most, and changes wait for a second at most.
const (
	buildShare = 10
	longestGap = time.Second
)

var errNeverLoaded = errors.New("bans: table api_bans was never loaded and has no disk copy: is the database away since the start?")

// current is the book of the table's content. A table that was given up leaves
// the last one.
func (c *Check) current() (*book, error) {
	held, generation := c.book.Load(), c.table.Generation()
	switch {
	case held == nil && generation == 0:
		return nil, errNeverLoaded
	case held == nil:
		c.building.Lock()
		defer c.building.Unlock()
		if held = c.book.Load(); held != nil {
			return held, nil // by who was here before
		}
	case held.generation == generation || generation == 0:
		return held, nil
	default:
		if !c.building.TryLock() {
			return held, nil // somebody builds it already
		}
		defer c.building.Unlock()
		if time.Since(c.built) < c.pause {
			return held, nil
		}
	}
	return c.build(held), nil
}

// build makes the book of what the table holds now. The generation is asked
// before the rows are read: a change in between has the book built again.
func (c *Check) build(held *book) *book {
	start := time.Now()
	next := newBook(c.table.Generation(), c.table.Range)
	c.book.Store(next)
	c.built = time.Now()
	c.pause = min(longestGap, buildShare*c.built.Sub(start))
	c.complain(held, next)
	c.metrics.loaded(next, c.now())
	return next
}

// most is the number of rows that are complained about one by one.
const most = 10

// complain logs the rows that cannot be used as they are, those that it did
// not log for the last book.
func (c *Check) complain(held, next *book) {
	logged := 0
	for _, w := range next.warnings {
		if held != nil && held.warned(w) {
			continue
		}
		if logged++; logged <= most {
			c.log.Warn("a row of api_bans", slog.String("target", w.target), slog.String("problem", w.problem))
		}
	}
	if logged > most {
		c.log.Warn("more rows of api_bans cannot be used as they are", slog.Int("rows", logged-most))
	}
}
