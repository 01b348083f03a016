package table

import "time"

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
	// included, once two readings 30 s apart agree.
	BelieveTwice bool
}

// StandardPolicy is the policy of a table of the schema by its name. A table
// that it does not know is treated like alias.
func StandardPolicy(table string) Policy {
	switch table {
	case "domain":
		return Policy{MissFinal: true}
	case "api_bans":
		return Policy{MissFinal: true, BelieveTwice: true}
	case "smtp_sender_acl":
		return Policy{Positive: 15 * time.Minute, MissAge: time.Minute}
	default: // alias, alias_handle
		return Policy{Positive: 24 * time.Hour, MissAge: time.Minute}
	}
}
