package main

import (
	"testing"

	"postern/internal/doctor"
)

func TestCheckStatus(t *testing.T) {
	for worst, want := range map[doctor.Severity]int{"": 0, doctor.Note: 0, doctor.Warning: exitNo, doctor.Error: exitConfig} {
		if got := exitStatus(checkStatus(worst)); got != want {
			t.Errorf("%q: %d, want %d", worst, got, want)
		}
	}
}
