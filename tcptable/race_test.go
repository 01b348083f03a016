//go:build race

package tcptable_test

// raceEnabled: the race detector makes a sync.Pool drop at random.
const raceEnabled = true
