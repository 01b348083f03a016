// Package status is what a running postern tells of itself to people: the
// status page and `postern top` show the same Snapshot.
package status
