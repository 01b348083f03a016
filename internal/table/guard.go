package table

import (
	"fmt"
	"time"
)

const (
	// smallLoss is the number of lost rows up to which a second reading is
	// proof enough, and up to which the feed's deletions are not looked at.
	smallLoss = 10

	// confirm is the least time between two readings that confirm each other.
	confirm = 30 * time.Second

	// massWindow is the time within which the feed's deletions are added up.
	massWindow = time.Minute
)

// Held is a reload that was held back by the shrink guard.
type Held struct {
	At       time.Time // first reading with this content
	Rows     int       // rows that it found
	Lost     int       // rows that it would lose
	Checksum uint64
	Reason   string
}

// guard decides which losses of rows are believed.
type guard struct {
	share    float64 // of the rows that may be lost
	twice    bool    // Policy.BelieveTwice
	held     *Held
	accepted bool

	since time.Time // start of the window of deletions by the feed
	rows  int       // rows at that time
	lost  int       // rows deleted since
}

// judge decides on a reading made at the given time. rows is what the table
// holds.
func (g *guard) judge(r reading, rows int, at time.Time) bool {
	if at.Sub(g.since) < massWindow {
		rows = max(rows, g.rows)
	}
	lost := max(r.lost, rows-r.content.rows)
	if !g.tooMuch(lost, rows, r.content.rows) || g.passes(r.content, lost, at) {
		g.held, g.accepted = nil, false
		g.since = time.Time{}
		return true
	}
	if !g.again(r.content) {
		g.held = &Held{At: at, Rows: r.content.rows, Checksum: r.content.sum}
	}
	g.held.Lost = lost
	g.held.Reason = fmt.Sprintf("it would lose %d of %d rows, more than %g%% or all", lost, rows, g.share*100)
	return false
}

func (g *guard) tooMuch(lost, rows, left int) bool {
	return rows > 0 && (left == 0 || float64(lost) > g.share*float64(rows))
}

// passes reports whether a reading that loses too much is believed.
func (g *guard) passes(c *snapshot, lost int, at time.Time) bool {
	small := lost <= smallLoss && c.rows > 0
	if small && g.twice {
		return true
	}
	if g.held == nil {
		return false
	}
	if g.accepted && !g.tooMuch(g.held.Rows-c.rows, g.held.Rows, c.rows) {
		return true
	}
	return (small || g.twice) && g.again(c) && at.Sub(g.held.At) >= confirm
}

// again reports whether c is what was held back before; where a second reading
// proves any loss, almost: a table that other programs write all the time
// would never be the same.
func (g *guard) again(c *snapshot) bool {
	if g.held == nil {
		return false
	}
	apart := max(g.held.Rows-c.rows, c.rows-g.held.Rows)
	if g.twice && apart <= smallLoss && (g.held.Rows == 0) == (c.rows == 0) {
		return true
	}
	return g.held.Checksum == c.sum && apart == 0
}

// deletes decides on deletions by the feed: whether lost rows may go from a
// table of so many.
func (g *guard) deletes(lost, rows int, at time.Time) bool {
	if g.held != nil {
		return false
	}
	if at.Sub(g.since) >= massWindow || g.since.IsZero() {
		g.since, g.rows, g.lost = at, rows, 0
	}
	all, left := g.lost+lost, rows-lost
	if g.tooMuch(all, g.rows, left) && (all > smallLoss || left == 0 && lost > 1) {
		return false
	}
	g.lost = all
	return true
}
