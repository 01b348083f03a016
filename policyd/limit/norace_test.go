//go:build !race

package limit

// raceEnabled reports that the race detector runs.
const raceEnabled = false
