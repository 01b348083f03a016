package config

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"postern/internal/redisserver"
	"postern/policyd"
)

// The checks and words that the policyd block knows.
var (
	checkNames   = []string{"srs", "bans", "rate_limits", "greylist", "spf"}
	checkModes   = []string{"enforce", "shadow", "off"}
	checkFails   = []string{"open", "closed"}
	checkStates  = []string{"CONNECT", "EHLO", "HELO", "MAIL", "RCPT", "DATA", "END-OF-MESSAGE", "VRFY", "ETRN"}
	rateCounts   = []string{"messages", "recipients", "bytes"}
	rateActions  = []string{"defer", "reject", "hold", "prepend", "discard"}
	rateUnknowns = []string{"any", "known", "unknown"}
	srsInbounds  = []string{"own", "any", "off"}
	banKinds     = []string{"domain", "email", "ip", "name"}
	banMX        = []string{"off", "names", "addresses"}
	spfResults   = []string{"none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"}
	spfActions   = []string{"reject", "defer", "prepend", "pass"}
)

// policyd checks the words of the block.
func (v *validator) policyd(c *Config) {
	p := c.Policyd
	v.listeners("$.policyd.listen", p.Listen)
	v.state(p)
	if p.Aliases != "" {
		v.mapName("$.policyd.aliases", c, p.Aliases)
	}
	v.word("$.policyd.srs_inbound", "srs_inbound", p.SRSInbound, srsInbounds)
	v.chain("$.policyd.checks", p.Checks)
	for name, chain := range p.Chains {
		v.chain("$.policyd.chains."+name, chain)
	}
	names := map[string]bool{}
	for i, limit := range p.RateLimits {
		v.rateLimit(fmt.Sprintf("$.policyd.rate_limits[%d]", i), c, limit, names)
	}
	v.check("$.policyd.srs", p, p.SRS)
	v.bans(p)
	v.greylist(c)
	v.spf(p)
	if p.FromGuard != nil {
		v.fromGuard(c)
	}
	if p.Resolver != "" {
		if _, _, err := net.SplitHostPort(p.Resolver); err != nil {
			v.fail("$.policyd.resolver", "%q is no DNS server: write HOST:PORT, as in 127.0.0.1:53", p.Resolver)
		}
	}
}

// maxStateTimeout leaves policyd the time to answer before Postfix gives up
// (smtpd_policy_service_timeout, 100s), several questions to Redis included.
const maxStateTimeout = Duration(10 * time.Second)

// state checks where counters are kept. No complaint repeats the location,
// which may hold a password.
func (v *validator) state(p *Policyd) {
	if p.State != "" && p.State != "memory" {
		if _, err := redisserver.Parse(p.State); err != nil {
			v.fail("$.policyd.state", "neither memory nor a Redis server: %v", err)
		}
	}
	if p.StateTimeout < 0 || p.StateTimeout > maxStateTimeout {
		v.fail("$.policyd.state_timeout", "%s: mail waits as long when Redis is in trouble: 10s at the most", time.Duration(p.StateTimeout))
	}
	if p.StateKeys < 0 {
		v.fail("$.policyd.state_keys", "%d counters: at least one is needed; a million is the default", p.StateKeys)
	}
}

func (v *validator) chain(path string, checks []string) {
	for i, name := range checks {
		at := fmt.Sprintf("%s[%d]", path, i)
		v.word(at, "check", name, checkNames)
		if slices.Index(checks, name) < i {
			v.fail(at, "check %q stands twice in this chain: it is asked once", name)
		}
	}
}

func (v *validator) check(path string, p *Policyd, c Check) {
	v.word(path+".mode", "mode", c.Mode, checkModes)
	v.word(path+".fail", "fail", c.Fail, checkFails)
	for i, state := range c.States {
		v.word(fmt.Sprintf("%s.states[%d]", path, i), "protocol_state", state, checkStates)
	}
	for i, name := range c.Contexts {
		if _, known := p.Chains[name]; !known {
			v.fail(fmt.Sprintf("%s.contexts[%d]", path, i), "policy_context %q has no chain: add it to policyd.chains", name)
		}
	}
	for i, l := range c.Listeners {
		if !slices.ContainsFunc(p.Listen, func(known Listener) bool { return known.At == l.At }) {
			v.fail(fmt.Sprintf("%s.listeners[%d]", path, i), "%s is none of policyd.listen: no request comes by it", l.At)
		}
	}
	v.networks(path+".clients", c.Clients)
}

// networks demands addresses and CIDR networks.
func (v *validator) networks(path string, list []string) {
	for i, word := range list {
		if _, err := policyd.ParseNetwork(strings.TrimPrefix(word, "!")); err != nil {
			v.fail(fmt.Sprintf("%s[%d]", path, i), "%w", err)
		}
	}
}

// domains demands names with a dot, and no addresses.
func (v *validator) domains(path string, list []string) {
	for _, word := range list {
		if !strings.Contains(word, ".") || strings.ContainsAny(word, "@/! ") {
			v.fail(path, "%.100q is no domain: write example.org, which stands for all below it, too", word)
		}
	}
}

func (v *validator) rateLimit(path string, c *Config, l RateLimit, names map[string]bool) {
	v.check(path, c.Policyd, l.Check)
	v.word(path+".count", "count", l.Count, rateCounts)
	v.word(path+".action", "action", l.Action, rateActions)
	v.word(path+".recipients", "recipients", l.Recipients, rateUnknowns)
	v.prefix(path, l.IPv4Prefix, l.IPv6Prefix)
	switch {
	case l.Name == "":
		v.fail(path, "a rate limit needs a name: it stands in logs and metrics")
	case names[l.Name]:
		v.fail(path+".name", "a second rate limit named %q: counters are kept by name, so choose another", l.Name)
	}
	names[l.Name] = true
	if len(l.Key) == 0 || l.Key[0] == "" {
		v.fail(path, "rate limit %q needs a key: the attribute that it counts by, such as client_address", l.Name)
	}
	if len(l.Key) > 2 {
		v.fail(path+".key", "rate limit %q counts by %d attributes: one or a pair is possible", l.Name, len(l.Key))
	}
	if len(l.Limit) == 0 {
		v.fail(path, "rate limit %q needs a limit: NUMBER/DURATION, as in 60/1m", l.Name)
	}
	if l.Limits != "" {
		v.mapName(path+".limits", c, l.Limits)
	}
}

// prefix checks the lengths by which client addresses are grouped.
func (v *validator) prefix(path string, v4, v6 int) {
	if v4 < 0 || v4 > 32 {
		v.fail(path+".ipv4_prefix", "/%d is no network of IPv4: write 1 to 32", v4)
	}
	if v6 < 0 || v6 > 128 {
		v.fail(path+".ipv6_prefix", "/%d is no network of IPv6: write 1 to 128", v6)
	}
}

func (v *validator) bans(p *Policyd) {
	const path = "$.policyd.bans"
	b := p.Bans
	v.check(path, p, b.Check)
	v.word(path+".mx", "mx", b.MX, banMX)
	for place, kinds := range map[string][]string{
		"sender": b.Sender, "recipient": b.Recipient, "destination": b.Destination, "client": b.Client, "helo": b.Helo,
	} {
		for i, kind := range kinds {
			v.word(fmt.Sprintf("%s.%s[%d]", path, place, i), "kind of ban", kind, banKinds)
		}
	}
}

func (v *validator) greylist(c *Config) {
	const path = "$.policyd.greylist"
	g := c.Policyd.Greylist
	v.check(path, c.Policyd, g.Check)
	v.prefix(path, g.IPv4Prefix, g.IPv6Prefix)
	_, domains := g.Skipped()
	v.domains(path+".skip_clients", domains)
	v.domains(path+".skip_senders", g.SkipSenders)
	v.domains(path+".pools", g.Pools)
	if g.Recipients != "" {
		v.mapName(path+".recipients", c, g.Recipients)
	}
	if window := time.Duration(cmp.Or(g.RetryWindow, Duration(5*time.Hour))); time.Duration(g.Delay) >= window {
		v.fail(path+".delay", "a delay of %v leaves no time to come again within the retry_window of %v", time.Duration(g.Delay), window)
	}
}

func (v *validator) spf(p *Policyd) {
	const path = "$.policyd.spf"
	v.check(path, p, p.SPF.Check)
	v.networks(path+".skip_clients", p.SPF.SkipClients)
	for result, action := range p.SPF.Results {
		v.word(path+".results."+result, "SPF result", result, spfResults)
		v.word(path+".results."+result, "action", action, spfActions)
	}
}
