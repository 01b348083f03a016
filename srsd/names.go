package srsd

import "slices"

// Maps that every socketmap and tcp_table listener of postern serves.
const (
	MapForward    = "srs-forward"
	MapReverse    = "srs-reverse"
	MapRecipients = "srs-recipients"
)

// MapNames are the names of the maps.
func MapNames() []string { return []string{MapForward, MapReverse, MapRecipients} }

// IsMap reports whether a map of the user's own may not be called so.
func IsMap(name string) bool { return slices.Contains(MapNames(), name) }
