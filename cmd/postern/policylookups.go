package main

import "slices"

// policyMaps are the maps that the policyd block names.
func (a *assembly) policyMaps() []string {
	p := a.config.Policyd
	if p == nil || a.works.role.name != "policyd" {
		return nil
	}
	names := []string{p.Greylist.Recipients, p.Aliases}
	for _, limit := range p.RateLimits {
		names = append(names, limit.Limits)
	}
	if p.FromGuard != nil {
		names = append(names, guardSenders(p.FromGuard))
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" })
}

// openBans is what a policyd that runs alone opens: the table of bans, if one
// of its chains has that check. All else it asks of the daemons that own it.
func (a *assembly) openBans(before *assembly) error {
	if err := a.askLookups(before); err != nil {
		return err
	}
	if a.config.Policyd == nil || !hasCheck(a.config.Policyd, "bans") {
		return nil
	}
	return a.openTables(before)
}
