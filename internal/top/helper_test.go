package top

import (
	"errors"
	"time"

	"postern/internal/status"
)

// noon is when the snapshots of the tests were taken.
func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

// serving is what a daemon says that runs all in one.
func serving() status.Snapshot {
	return status.Snapshot{
		Daemon: "serve", Version: "1.2.0", Host: "mx.example.org", PID: 4711,
		Now: noon(), Started: noon().Add(-76 * time.Hour),
		Health: []status.Health{
			{Name: "database db.example.org:3306/maildb", State: status.Poor, Text: "cannot be reached: known addresses are answered from memory"},
			{Name: "table domain", State: status.Good},
			{Name: "table alias", State: status.Good},
			{Name: "policy", State: status.Bad, Text: "3 requests of the last minute got no reply"},
		},
		Lookups: []status.Lookups{
			{Map: "virtual", Found: 1_204_000, NotFound: 88_123, Trouble: 12, PerSecond: 41.7, Mean: 0.000007},
			{Map: "virtual-aliases", Found: 204_000, NotFound: 1_123, PerSecond: 3.2, Mean: 0.0042},
			{Map: "legacy", Found: 7, NotFound: 3, Trouble: 4, PerSecond: 0.04, Mean: 1.25},
			{Map: "forward"},
			{Map: "reverse"},
		},
		Cache:       &status.Cache{Entries: 12_345, Hits: 0.982, Stale: 3, Total: 88_000},
		Tables:      []status.Table{{Name: "alias", Rows: 250_000, Loaded: true, Age: 0.4}, {Name: "domain", Rows: 1200, Loaded: true, Age: 75}},
		Database:    []status.Database{{Name: "db.example.org:3306/maildb", Trouble: "cannot be reached", Open: 4, InUse: 1, Max: 16}, {Name: "old.example.org:3306/mail", Up: true, Trouble: "lacks a table", Max: 4}},
		Connections: []status.Connection{{Daemon: "socketmap", Open: 12, Total: 4096}, {Daemon: "policyd", Open: 3, Total: 912}},
		SRS:         []status.Count{{Name: "forward rewritten", Total: 5120, PerMinute: 12}, {Name: "reverse restored", Total: 51, PerMinute: 0.02}},
		Rules:       []status.Count{{Name: "rate_limits login defer", Total: 77, PerMinute: 4}, {Name: "bans client_ip reject", Total: 1900, PerMinute: 0.5}},
		Decisions: []status.Decision{
			{At: noon().Add(-time.Second), ID: "AAAAAAAA", Action: "defer", Mode: "enforce", Check: "rate_limits", Rule: "login", Reason: "limit of 3 recipients per day reached",
				Client: "192.0.2.7", Sender: "a***@example.org", Recipient: "b***@example.net", Login: "a***"},
			{At: noon().Add(-time.Minute), ID: "BBBBBBBB", Action: "reject", Mode: "enforce", Check: "bans", Rule: "client_ip", Reason: "192.0.2.9 is banned: scanner", Client: "192.0.2.9", Recipient: "i***@example.org"},
			{At: noon().Add(-26 * time.Hour), ID: "CCCCCCCC", Action: "reject", Mode: "shadow", Check: "spf", Reason: "fail", Client: "2001:db8::1", Sender: "x***@example.com", Recipient: "i***@example.org", QueueID: "4XYZ"},
		},
		Series: []status.Series{
			{Name: "lookups", Unit: "per second", Step: 5 * time.Second, Values: []float64{0, 1, 5, 20, 44.9}},
			{Name: "trouble", Unit: "per second", Step: 5 * time.Second, Values: []float64{0, 0, 0, 0, 0.04}},
			{Name: "hits", Unit: "share", Step: 5 * time.Second, Values: []float64{0.5, 0.9, 0.982}},
			{Name: "latency", Unit: "seconds", Step: 5 * time.Second, Values: []float64{0.001, 0.0005, 0.0009}},
		},
	}
}

// alone is what a second daemon says.
func alone() status.Snapshot {
	return status.Snapshot{
		Daemon: "tcptable", Version: "1.2.0", Host: "mx.example.org", PID: 4712, Now: noon(), Started: noon().Add(-50 * time.Second),
		NotReady: "table alias is not loaded", Health: []status.Health{{Name: "table alias", State: status.Bad, Text: "is not loaded: mail waits (451)"}},
		Lookups: []status.Lookups{{Map: "virtual", Found: 10, PerSecond: 1}},
		Series: []status.Series{
			{Name: "lookups", Unit: "per second", Step: 5 * time.Second, Values: []float64{1, 1}},
			{Name: "latency", Unit: "seconds", Step: 5 * time.Second, Values: []float64{0.1}},
		},
	}
}

func said(s status.Snapshot) Answer { return Answer{Daemon: s.Daemon, At: s.Now, Snapshot: s} }

// one knows one daemon, two know two more of which one is gone.
func one() *Model {
	m := &Model{}
	m.Take(said(serving()))
	return m
}

func several() *Model {
	m := one()
	m.Take(said(alone()))
	m.Take(Answer{Daemon: "srsd", At: noon(), Snapshot: status.Snapshot{Daemon: "srsd", Host: "mx.example.org"}})
	m.Take(Answer{Daemon: "srsd", At: noon().Add(time.Second), Err: errors.New("connection refused")})
	m.Take(Answer{Daemon: "policyd", At: noon(), Err: errors.New("no answer within 2s")})
	return m
}
