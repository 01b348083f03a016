package main

import "github.com/prometheus/client_golang/prometheus"

// registerReady shows what /readyz says.
func registerReady(reg prometheus.Registerer, s *service) {
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ready",
		Help: "1 if Postfix's questions can be answered, as /readyz says; 0 if not.",
	}, func() float64 {
		if a := s.current.Load(); a == nil || a.ready() != nil {
			return 0
		}
		return 1
	}))
}
