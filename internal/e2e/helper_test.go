//go:build integration

package e2e

// runHelper is what this program does as a child of its own.
func runHelper(string) int { return 2 }
