package config

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Policyd is the policy delegation daemon.
type Policyd struct {
	Listen     []Listener          `yaml:"listen"`
	State      string              `yaml:"state"`  // memory or redis://HOST:PORT/DB
	Checks     []string            `yaml:"checks"` // the chain of a request without a known policy_context
	Chains     map[string][]string `yaml:"chains"` // by policy_context
	SRSInbound string              `yaml:"srs_inbound"`
	RateLimits []RateLimit         `yaml:"rate_limits"`
	SRS        Check               `yaml:"srs"`
	Bans       Check               `yaml:"bans"`
	Greylist   Check               `yaml:"greylist"`
	SPF        Check               `yaml:"spf"`
}

// Check is what every check can be told.
type Check struct {
	Mode      string     `yaml:"mode"` // enforce, shadow, off
	Fail      string     `yaml:"fail"` // open, closed
	Listeners []Listener `yaml:"listeners"`
	States    []string   `yaml:"states"` // protocol_state values of the policy protocol
	Clients   []string   `yaml:"clients"`
	Logins    []string   `yaml:"logins"`
}

// RateLimit is one rule.
type RateLimit struct {
	Name   string `yaml:"name"`
	Key    string `yaml:"key"`
	Count  string `yaml:"count"` // messages, recipients, bytes
	Limit  Rate   `yaml:"limit"`
	Action string `yaml:"action"` // defer, reject, hold, prepend, discard
	Check  `yaml:",inline"`
}

// Rate is so many in so long: 60/1m.
type Rate struct {
	N   int64
	Per time.Duration
}

// UnmarshalYAML reads a scalar node.
func (r *Rate) UnmarshalYAML(node ast.Node) error {
	number, window, found := strings.Cut(scalar(node), "/")
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 63)
	per, perErr := ParseDuration(strings.TrimSpace(window))
	if !found || err != nil || n <= 0 || perErr != nil || per <= 0 {
		return faultAt(node, fmt.Errorf("%q is not a limit: write NUMBER/DURATION, as in 60/1m", scalar(node)))
	}
	*r = Rate{n, per}
	return nil
}

// The checks and words that the policyd block knows.
var (
	checkNames  = []string{"srs", "bans", "rate_limits", "greylist", "spf"}
	checkModes  = []string{"enforce", "shadow", "off"}
	checkFails  = []string{"open", "closed"}
	rateCounts  = []string{"messages", "recipients", "bytes"}
	rateActions = []string{"defer", "reject", "hold", "prepend", "discard"}
	srsInbounds = []string{"own", "any", "off"}
)

// policyd checks the words of the block.
func (v *validator) policyd(p *Policyd) {
	v.listeners("$.policyd.listen", p.Listen)
	if p.State != "" && p.State != "memory" && !isRedisURL(p.State) {
		v.fail("$.policyd.state", "%q is no state: write memory or redis://HOST:PORT/DB", p.State)
	}
	v.word("$.policyd.srs_inbound", "srs_inbound", p.SRSInbound, srsInbounds)
	v.chain("$.policyd.checks", p.Checks)
	for name, chain := range p.Chains {
		v.chain("$.policyd.chains."+name, chain)
	}
	names := map[string]bool{}
	for i, limit := range p.RateLimits {
		v.rateLimit(fmt.Sprintf("$.policyd.rate_limits[%d]", i), limit, names)
	}
	for name, check := range map[string]Check{"srs": p.SRS, "bans": p.Bans, "greylist": p.Greylist, "spf": p.SPF} {
		v.check("$.policyd."+name, check)
	}
}

func (v *validator) chain(path string, checks []string) {
	for i, name := range checks {
		v.word(fmt.Sprintf("%s[%d]", path, i), "check", name, checkNames)
	}
}

func (v *validator) check(path string, c Check) {
	v.word(path+".mode", "mode", c.Mode, checkModes)
	v.word(path+".fail", "fail", c.Fail, checkFails)
}

func (v *validator) rateLimit(path string, l RateLimit, names map[string]bool) {
	v.check(path, l.Check)
	v.word(path+".count", "count", l.Count, rateCounts)
	v.word(path+".action", "action", l.Action, rateActions)
	switch {
	case l.Name == "":
		v.fail(path, "a rate limit needs a name: it stands in logs and metrics")
	case names[l.Name]:
		v.fail(path+".name", "a second rate limit named %q: counters are kept by name, so choose another", l.Name)
	}
	names[l.Name] = true
	if l.Key == "" {
		v.fail(path, "rate limit %q needs a key: the attribute that it counts by, such as client_address", l.Name)
	}
	if l.Limit.N == 0 {
		v.fail(path, "rate limit %q needs a limit: NUMBER/DURATION, as in 60/1m", l.Name)
	}
}

// isRedisURL accepts the URLs of a Redis server, with TLS and Sentinel.
func isRedisURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "redis" || u.Scheme == "rediss" || u.Scheme == "redis+sentinel")
}
