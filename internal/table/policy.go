package table

import (
	"strconv"
	"strings"
	"time"
)

// Policy says what the rows of a table are worth while the database is away.
// Staleness is a property of what an answer does: a "not found" in the domain
// table refuses mail for good, one in the ban table lets mail pass.
type Policy struct {
	// Positive is how long a row is served after the table was last known to
	// be current. After that the database is asked per key. 0 means for ever.
	Positive time.Duration

	// MissFinal makes "not held" mean "not there", however old the table is.
	// Nothing is asked of the database for a miss.
	MissFinal bool

	// MissAge is how old a table may be whose misses are still believed when
	// the database was asked and did not answer.
	MissAge time.Duration

	// Budget is how many misses a second are asked of the database. 0 means 50.
	Budget int

	// BelieveTwice lets any loss of rows pass the shrink guard, the loss of all
	// included, once two readings 30 s apart agree, and a loss of at most ten
	// rows that leaves one at once. Readings that find almost as many rows, ten
	// more or less, agree.
	BelieveTwice bool

	// Refresh is the time between two full reloads where there is no change
	// feed, if it is less than Options.Refresh; 0 means that. It is longer where
	// loading takes long, so that it never loads for more than a tenth of the
	// time. Tables with a Refresh of their own do not wait for the reloads of
	// others.
	Refresh time.Duration

	// Whole has the table held even past Options.MaxMemory, because who uses
	// it reads every row (Table.Range). More than MaxMemory alone it must not
	// take: then the last content stays.
	Whole bool

	// Over reports whether a row is over by itself, nil: never. That such rows
	// are gone is no loss to the shrink guard.
	Over func(value string, now time.Time) bool
}

// bansRefresh keeps the promise that a ban or a revocation is seen within 5 s,
// the reading included.
const bansRefresh = 4 * time.Second

// StandardPolicy is the policy of a table of the schema by its name. A table
// that it does not know is treated like alias.
func StandardPolicy(table string) Policy {
	switch table {
	case "domain":
		return Policy{MissFinal: true}
	case "api_bans":
		return Policy{MissFinal: true, BelieveTwice: true, Refresh: bansRefresh, Whole: true, Over: banOver}
	case "smtp_sender_acl":
		return Policy{Positive: 15 * time.Minute, MissAge: time.Minute}
	default: // alias, alias_handle
		return Policy{Positive: 24 * time.Hour, MissAge: time.Minute}
	}
}

// banOver reports whether a row of api_bans ("EXPIRY REASON", with Unix
// microseconds or "-") has expired.
func banOver(value string, now time.Time) bool {
	expiry, _, _ := strings.Cut(value, " ")
	micros, err := strconv.ParseInt(expiry, 10, 64)
	return err == nil && !now.Before(time.UnixMicro(micros))
}
