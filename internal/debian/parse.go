package debian

import (
	"slices"
	"strings"
)

// plan is what apt-get says it would do.
type plan struct {
	installed, removed []string
}

// parsePlan reads the output of apt-get -s: lines such as
// "Inst exim4-base (4.96 Debian:12 [amd64])" and "Remv postfix [3.7.11]".
func parsePlan(simulated string) plan {
	var p plan
	for line := range strings.Lines(simulated) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "Inst":
			p.installed = append(p.installed, fields[1])
		case "Remv", "Purg":
			p.removed = append(p.removed, fields[1])
		}
	}
	slices.Sort(p.removed)
	return p
}

// installs reports whether the package would be installed.
func (p plan) installs(name string) bool { return slices.Contains(p.installed, name) }

// notInstalled lists the packages that dpkg-query does not show as installed
// ("ii", or "hi" on hold), in their order and without repetition.
func notInstalled(listing string, packages []string) []string {
	have := make(map[string]bool)
	for line := range strings.Lines(listing) {
		name, status, _ := strings.Cut(strings.TrimRight(line, "\n"), "\t")
		if len(status) > 1 && status[1] == 'i' {
			have[name] = true
		}
	}
	var missing []string
	for _, name := range packages {
		if !have[name] && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
	}
	return missing
}
