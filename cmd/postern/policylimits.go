package main

import (
	"fmt"

	"postern/internal/config"
	"postern/policyd"
	"postern/policyd/counter"
	"postern/policyd/limit"
)

// limitCheck is every rate limit in one check.
func (a *assembly) limitCheck() (policyd.Check, error) {
	o := limit.Options{
		Store:     a.policy.state.counters,
		Host:      hostName(),
		Delimiter: a.config.RecipientDelimiter,
		Now:       a.works.policyNow,
		Metrics:   a.works.limits,
		Log:       a.works.log,
	}
	if w := a.walker(); w != nil {
		o.Destinations, o.Known = destinations(w), w.Known
	}
	for _, r := range a.config.Policyd.RateLimits {
		rule, err := a.limitRule(r)
		if err != nil {
			return nil, fmt.Errorf("rate limit %s: %w", r.Name, err)
		}
		o.Rules = append(o.Rules, rule)
	}
	return limit.New(o)
}

// limitRule is one rule of the configuration.
func (a *assembly) limitRule(r config.RateLimit) (limit.Rule, error) {
	keys, err := limit.ParseKeys(r.Key...)
	if err != nil {
		return limit.Rule{}, err
	}
	scope, err := policyScope(r.Check)
	if err != nil {
		return limit.Rule{}, err
	}
	exempt, err := limit.ParseExemption(r.Exempt)
	if err != nil {
		return limit.Rule{}, fmt.Errorf("exempt: %w", err)
	}
	limits, err := a.policyMap(r.Limits)
	rule := limit.Rule{
		Name: r.Name, Keys: keys, Count: limit.Count(r.Count), Action: limit.Action(r.Action), Text: r.Text,
		IPv4Bits: r.IPv4Prefix, IPv6Bits: r.IPv6Prefix, Mode: policyMode(r.Check), Fail: policyd.Fail(r.Fail),
		Scope: scope, Recipients: r.Recipients, Exempt: exempt, Limits: limits,
	}
	for _, w := range r.Limit {
		rule.Windows = append(rule.Windows, counter.Window{N: w.N, Per: w.Per})
	}
	return rule, err
}
