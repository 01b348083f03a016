// Package status is what a running postern tells of itself to people: the
// status page and `postern top` show the same Snapshot.
//
// # Where figures come from
//
// A [Sampler] reads the process' own metrics, of a prometheus.Gatherer, each
// five seconds while [Sampler.Run] runs, and when somebody asks, once a second at
// most. Rates are those of the last minute, charts those of the last five. What
// metrics do not tell, such as where the database is, the caller adds as [Facts].
//
// # What can be missing
//
// A daemon shows the metrics that it has: of the others there is no figure, no
// chart and no health. Figures that are no finite numbers are left out. A counter
// that became smaller began anew. Without samples there are no rates and charts.
//
// # Health
//
// Each thing that a process depends on is good, poor or bad, with a text that
// says what that means for mail. Poor is what mail does not notice, or not all of
// it; bad is mail that waits.
//
// # Security
//
// A Snapshot goes to a page that may be read by many: who makes Facts and
// Decisions masks mail addresses and leaves out secrets before.
//
// # Known limits
//
// The charts of questions to the database are of all databases together, as
// their metrics are.
package status
