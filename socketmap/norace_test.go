//go:build !race

package socketmap_test

const raceEnabled = false
