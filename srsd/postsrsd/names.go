package postsrsd

import (
	"maps"
	"slices"
)

// Names are the names of the set, in lower case and alphabetical order.
func (d *Domains) Names() []string {
	if d == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(d.names))
}
