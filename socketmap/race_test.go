//go:build race

package socketmap_test

// raceEnabled: the race detector makes a sync.Pool drop at random.
const raceEnabled = true
