package doctor

import (
	"slices"
	"strings"
	"testing"

	"postern/internal/mutanttest"
)

// TestMutants deletes every line of the shipped files in turn and swaps every
// pair of neighbours in a list. The doctor names each of them, unless it is
// listed as equivalent.
func TestMutants(t *testing.T) {
	for _, release := range []string{"3.7", "3.10"} {
		t.Run(release, func(t *testing.T) {
			intact := shipped(t)
			before := map[string]bool{}
			for _, f := range examine(t, host(t, intact, release, paper{})) {
				before[f.Check+f.Effect] = true
			}
			equal := mutanttest.Equivalents()
			for _, m := range mutants(t, intact) {
				reason, isEqual := equal[m.Name]
				delete(equal, m.Name)
				named := named(t, m, release, before)
				switch {
				case !named && !isEqual:
					t.Errorf("%s: no finding names %s", m.Name, strings.Join(m.Subject, " or "))
				case named && isEqual:
					t.Errorf("%s: is named, and listed as equivalent (%s)", m.Name, reason)
				}
			}
			for name := range equal {
				t.Errorf("equivalent %q is no mutant of the shipped files", name)
			}
		})
	}
}

// named reports a finding about the mutant that the intact files do not have.
func named(t *testing.T, m mutanttest.Mutant, release string, before map[string]bool) bool {
	for _, f := range examine(t, host(t, mutated(t, m), release, paper{})) {
		text := f.Check + " " + f.Effect
		if !before[f.Check+f.Effect] && slices.ContainsFunc(m.Subject, func(s string) bool { return strings.Contains(text, s) }) {
			return true
		}
	}
	return false
}

// mutated are the texts of a mutant, with postern.yaml as it is shipped.
func mutated(t *testing.T, m mutanttest.Mutant) texts {
	x := shipped(t)
	x.main, x.master, x.opendkim = m.Files.Main, m.Files.Master, m.Files.OpenDKIM
	return x
}

// mutants are those of the shipped files; an empty list would pass every test.
func mutants(t *testing.T, intact texts) []mutanttest.Mutant {
	all := mutanttest.All(mutanttest.Files{Main: intact.main, Master: intact.master, OpenDKIM: intact.opendkim})
	if len(all) < 150 {
		t.Fatalf("%d mutants: the shipped files were not read", len(all))
	}
	return all
}
