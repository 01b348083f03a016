package status

import "time"

// Snapshot is what a process knows of itself at one moment.
type Snapshot struct {
	Daemon  string    `json:"daemon"` // serve, socketmap, tcptable, policyd, srsd
	Version string    `json:"version"`
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Now     time.Time `json:"now"`
	Started time.Time `json:"started"`

	NotReady string   `json:"not_ready,omitempty"` // why Postfix's questions cannot be answered; empty: they can
	Health   []Health `json:"health"`

	Lookups     []Lookups    `json:"lookups,omitempty"` // busiest first
	Cache       *Cache       `json:"cache,omitempty"`
	Tables      []Table      `json:"tables,omitempty"`
	Database    []Database   `json:"database,omitempty"`
	Connections []Connection `json:"connections,omitempty"`
	SRS         []Count      `json:"srs,omitempty"`       // "forward rewritten"
	Rules       []Count      `json:"rules,omitempty"`     // of policyd, "rate_limits login defer"; the most frequent first
	Decisions   []Decision   `json:"decisions,omitempty"` // newest first, addresses masked

	Series []Series `json:"series,omitempty"`
}

// Health is one thing that the process depends on.
type Health struct {
	Name  string `json:"name"` // "database 127.0.0.1:3306", "table alias", "redis"
	State State  `json:"state"`
	Text  string `json:"text,omitempty"` // what it means for mail, where it is not good
}

// State says how a thing is.
type State string

// The states, from good to bad. Poor is in trouble that mail does not notice
// (yet): a database that is away while the tables are loaded.
const (
	Good State = "good"
	Poor State = "poor"
	Bad  State = "bad"
)

// Lookups are the answers of one map.
type Lookups struct {
	Map       string  `json:"map"`
	Found     float64 `json:"found"`     // since the start
	NotFound  float64 `json:"not_found"` // since the start
	Trouble   float64 `json:"trouble"`   // since the start: TEMP and PERM
	PerSecond float64 `json:"per_second"`
	Mean      float64 `json:"mean_seconds"` // of the answers of the last minute; 0 without any
}

// Cache is that of the .cf maps.
type Cache struct {
	Entries float64 `json:"entries"`
	Hits    float64 `json:"hits"`  // share of the requests of the last minute, 0…1
	Stale   float64 `json:"stale"` // answers past their life, since the start
	Total   float64 `json:"total"` // requests since the start
}

// Table is a loaded table.
type Table struct {
	Name   string  `json:"name"`
	Rows   float64 `json:"rows"`
	Loaded bool    `json:"loaded"`            // it was read, from the database or from its copy on disk
	PerKey bool    `json:"per_key,omitempty"` // too large for memory: each key is asked of the database
	Age    float64 `json:"age_seconds"`       // since it was known to be current; 0 if it is not loaded
}

// Lag is Age as a length of time, which is never negative.
func (t Table) Lag() time.Duration { return seconds(t.Age) }

// Database is one database and the pool of connections to it.
type Database struct {
	Name    string  `json:"name"`              // where it is
	Up      bool    `json:"up"`                // the last contact succeeded
	Trouble string  `json:"trouble,omitempty"` // "cannot be reached", "refuses us", "lacks a table"; one that is up may have some
	Open    float64 `json:"open"`
	InUse   float64 `json:"in_use"`
	Max     float64 `json:"max"`
}

// State is how the database is, in words.
func (d Database) State() string {
	switch {
	case d.Up && d.Trouble != "":
		return "up, but " + d.Trouble
	case d.Up:
		return "up"
	case d.Trouble != "":
		return d.Trouble
	}
	return "not asked yet"
}

// Connection is those of one daemon.
type Connection struct {
	Daemon string  `json:"daemon"`
	Open   float64 `json:"open"`
	Total  float64 `json:"total"`
}

// Count is how often something happened.
type Count struct {
	Name      string  `json:"name"`
	Total     float64 `json:"total"` // since the start
	PerMinute float64 `json:"per_minute"`
}

// Series is a figure over time, for a line of a chart.
type Series struct {
	Name   string        `json:"name"` // lookups, trouble, decisions, refused, queries, srs
	Unit   string        `json:"unit"` // "per second"
	Step   time.Duration `json:"step"`
	Values []float64     `json:"values"` // oldest first; one for each step
}
