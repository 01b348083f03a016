package store

import (
	"sync"
	"time"
)

// contact is what became of the last attempt to reach a database.
type contact int

const (
	never contact = iota
	reached
	failed
)

// refusalHolds is how long a statement that the server refused is told of: the
// tables are read once a minute, and what a .cf file asks may be asked rarely.
const refusalHolds = 2 * time.Minute

// contacts is what is known of a database from what was asked of it.
type contacts struct {
	mu        sync.Mutex
	last      contact
	trouble   error // of the last contact
	refusal   error // of a statement, for what the database lacks or withholds
	refusedAt time.Time
}

// note takes what became of an attempt. An error that the server sent says that
// it could be reached.
func (c *contacts) note(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && !fromServer(err) {
		c.last, c.trouble = failed, err
		return
	}
	c.last, c.trouble = reached, nil
	switch TroubleOf(err) {
	case NoTable, NoColumn, NoRight:
		c.refusal, c.refusedAt = err, time.Now()
	}
}

func (c *contacts) latest() contact {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// State is how a store and its database get on.
type State struct {
	Asked bool // somebody did, since the store was opened
	Up    bool // the last contact succeeded

	// Trouble is why the last contact failed. Where it did not, it is why the
	// server refused a statement within the last two minutes, if for a table, a
	// column or a right that is missing: see TroubleOf.
	Trouble error

	Open, InUse, Max int // connections
}

// State tells how it is now.
func (s *Store) State() State {
	pool := s.db.Stats()
	state := State{Open: pool.OpenConnections, InUse: pool.InUse, Max: s.options.MaxConnections}
	c := &s.contacts
	c.mu.Lock()
	defer c.mu.Unlock()
	state.Asked, state.Up, state.Trouble = c.last != never, c.last == reached, c.trouble
	if state.Up && c.refusal != nil && time.Since(c.refusedAt) < refusalHolds {
		state.Trouble = c.refusal
	}
	state.Trouble = s.Error(state.Trouble)
	return state
}

// Place says where the database is: its hosts and its name, or its file.
func (s *Store) Place() string { return s.options.place() }
