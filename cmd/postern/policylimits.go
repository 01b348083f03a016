package main

import (
	"errors"
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
		o.Destinations, o.Known = w.Destinations, w.Known
	}
	for i, r := range a.config.Policyd.RateLimits {
		rule, err := a.limitRule(r)
		if err != nil {
			return nil, a.atRule(i, fmt.Errorf("rate limit %s: %w", r.Name, err))
		}
		o.Rules = append(o.Rules, rule)
	}
	check, err := limit.New(o)
	var wrong *limit.RuleError
	if errors.As(err, &wrong) {
		return nil, a.atRule(wrong.Index, err)
	}
	return check, err
}

// atRule is an error about a rule with its line in the configuration.
func (a *assembly) atRule(i int, err error) error {
	return a.config.At(fmt.Sprintf("policyd.rate_limits[%d]", i), err)
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
