package main

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"postern/policyd"
	"postern/policyd/bans"
	"postern/policyd/counter"
	"postern/policyd/fromguard"
	"postern/policyd/greylist"
	"postern/policyd/limit"
	"postern/policyd/spf"
)

// policyMetrics are those of every part of the policy daemon.
type policyMetrics struct {
	policy   *policyd.Metrics
	bans     *bans.Metrics
	counters *counter.Metrics
	limits   *limit.Metrics
	greylist *greylist.Metrics
	spf      *spf.Metrics
	guard    *fromguard.Metrics
	shared   *counter.SharedMetrics // nil until Redis is used
}

func newPolicyMetrics(reg prometheus.Registerer) policyMetrics {
	return policyMetrics{
		policy:   policyd.NewMetrics(reg),
		bans:     bans.NewMetrics(reg),
		counters: counter.NewMetrics(reg),
		limits:   limit.NewMetrics(reg),
		greylist: greylist.NewMetrics(reg),
		spf:      spf.NewMetrics(reg),
		guard:    fromguard.NewMetrics(reg),
	}
}

// registerRecorder shows whether somebody reads along.
func registerRecorder(reg prometheus.Registerer, r *policyd.Recorder) {
	promauto.With(reg).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "policy_recorders",
		Help: "How many `postern policy record` listen now.",
	}, func() float64 { return float64(r.Listeners()) })
}

// sharedMetrics are those of a state in Redis, which others have no use for.
func (w *works) sharedMetrics() *counter.SharedMetrics {
	if w.shared == nil {
		w.shared = counter.NewSharedMetrics(w.reg)
	}
	return w.shared
}
