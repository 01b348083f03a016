//go:build !race

package tcptable_test

const raceEnabled = false
