package tcptable

import (
	"time"

	"postern/internal/lookup"
)

// Observer counts requests. The result is one of lookup.ResultFound and its
// siblings.
type Observer interface {
	ObserveLookup(mapName, result string, d time.Duration)
}

// ObserverOf counts into m under the protocol of this package.
func ObserverOf(m *lookup.Metrics) Observer { return observer{m} }

type observer struct{ metrics *lookup.Metrics }

func (o observer) ObserveLookup(mapName, result string, d time.Duration) {
	o.metrics.Observe(mapName, lookup.ProtocolTCPTable, result, d)
}
