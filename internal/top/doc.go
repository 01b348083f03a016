// Package top shows what the daemons of a host are doing, live in a terminal:
// `postern top`.
//
// # Where the figures come from
//
// Each daemon is asked for its status.Snapshot in every interval, all of them
// at once and each within a time of its own: one that is frozen, or gone, holds
// up none. What happens per second is the difference of the totals of two
// answers, divided by the time between them on the daemon's own clock; a daemon
// that was started anew begins anew. Before there are two answers its own
// figure is shown, which is that of its last minute.
//
// # What is shown
//
// All daemons are one picture: which of them answer and are ready, what they
// depend on, charts, the maps with their answers, cache, tables and database,
// rules and decisions, SRS, connections. A picture is made by a
// pure function of what is known, what the user looks at, and a size
// (Model.Picture), so a test reads it as text. It has four views: the overview,
// which gives the more important things the lines that there are, and three
// which scroll: lookups, decisions, system.
//
// # Security
//
// The texts in a snapshot come from peers, tables and servers. Only printable
// characters of them reach a terminal, a few combining marks at most, cut to the
// cells that they may take; where the locale is not UTF-8, only ASCII.
// Addresses in decisions are masked by the daemon. What is kept is bounded: the
// last 1000 decisions, and as much of each map's past as a chart can show.
//
// # The terminal
//
// Its modes are restored when the user quits, at SIGTERM, SIGINT, SIGQUIT and
// SIGHUP, when the program panics, and for as long as it is suspended (Ctrl-Z).
// SIGKILL cannot be handled: reset(1) helps.
//
// # Known limits
//
// A SIGTSTP of another process, which no terminal sends here, stops the program
// as it stands; it draws anew when it is continued.
//
// How wide a character is, terminals do not agree upon; the widths are those of
// Unicode (UAX #11). A line with such characters may be a cell off.
package top
