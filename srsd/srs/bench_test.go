package srs

import (
	"strings"
	"testing"
)

func BenchmarkForward(b *testing.B) {
	for name, address := range map[string]string{
		"SRS0": "test@otherdomain.com",
		"SRS1": "SRS0=opaque+string@otherdomain.com",
		"long": strings.Repeat("a", 460) + "@otherdomain.com",
	} {
		b.Run(name, func(b *testing.B) { benchmark(b, forward(mustNew(b, Options{}), keysOf("tops3cr3t")), address, true) })
	}
}

func BenchmarkReverse(b *testing.B) {
	cases := []struct {
		name, address string
		verifies      bool
	}{
		{"SRS0", "SRS0=vmyz=2W=otherdomain.com=test@example.com", true},
		{"SRS1", "SRS1=chaI=otherdomain.com==opaque+string@example.com", true},
		{"forged", "SRS0=FAKE=2W=otherdomain.com=test@example.com", false},
		{"ninecharacters", "SRS0=vmyz=777777777=otherdomain.com=test@example.com", false},
		{"10MB", "SRS0=vmyz=" + strings.Repeat("7", 10<<20), false},
		{"notSRS", "test@otherdomain.com", false},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			benchmark(b, reverse(mustNew(b, Options{}), keysOf("tops3cr3t")), c.address, c.verifies)
		})
	}
}

func benchmark(b *testing.B, do func(string) (string, error), address string, works bool) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := do(address); (err == nil) != works {
			b.Fatal(err)
		}
	}
}
