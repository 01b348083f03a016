package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"postern/policyd"
)

// Policyd is the policy delegation daemon.
type Policyd struct {
	Listen     []Listener          `yaml:"listen"`
	Checks     []string            `yaml:"checks"` // the chain of a request without a known policy_context
	Chains     map[string][]string `yaml:"chains"` // by policy_context
	SRSInbound string              `yaml:"srs_inbound"`
	Aliases    string              `yaml:"aliases"` // the map that main.cf has in virtual_alias_maps; default virtual
	RateLimits []RateLimit         `yaml:"rate_limits"`
	SRS        Check               `yaml:"srs"`
	Bans       Bans                `yaml:"bans"`
	Greylist   Greylist            `yaml:"greylist"`
	SPF        SPF                 `yaml:"spf"`
	FromGuard  *FromGuard          `yaml:"from_guard"`

	State             string   `yaml:"state"`               // memory or a location of internal/redisserver
	StatePasswordFile string   `yaml:"state_password_file"` // of the Redis server
	StateKeyFile      string   `yaml:"state_key_file"`      // the secret by which keys in Redis are hashed
	StateKeys         int      `yaml:"state_keys"`          // counters, and greylist rows, held in memory
	LameDuck          Duration `yaml:"lame_duck"`           // how long a stop waits for Postfix to leave by itself
	Resolver          string   `yaml:"resolver"`            // HOST:PORT of a DNS server; empty: that of the system
}

// Check is what every check can be told.
type Check struct {
	Mode      string     `yaml:"mode"` // enforce, shadow, off
	Fail      string     `yaml:"fail"` // open, closed
	Listeners []Listener `yaml:"listeners"`
	States    []string   `yaml:"states"` // protocol_state values of the policy protocol
	Contexts  []string   `yaml:"contexts"`
	Clients   []string   `yaml:"clients"` // addresses and networks; ! takes one out
	Logins    []string   `yaml:"logins"`  // names, @domains, inbound, submission; ! takes one out
}

// Bans says which kinds of ban (domain, email, ip, name) act on what. A place
// that is not named has all that make sense there.
type Bans struct {
	Check       `yaml:",inline"`
	Sender      []string `yaml:"sender"`
	Recipient   []string `yaml:"recipient"`
	Destination []string `yaml:"destination"` // where the recipient's alias leads
	Client      []string `yaml:"client"`
	Helo        []string `yaml:"helo"`
	MX          string   `yaml:"mx"` // off, names, addresses: also the hosts behind a destination
}

// Greylist is the greylisting check. What is zero has its default.
type Greylist struct {
	Check       `yaml:",inline"`
	Delay       Duration `yaml:"delay"`
	RetryWindow Duration `yaml:"retry_window"`
	Lifetime    Duration `yaml:"lifetime"`
	AutoPass    int      `yaml:"auto_pass"` // passes after which a network is not asked any more; -1: never
	IPv4Prefix  int      `yaml:"ipv4_prefix"`
	IPv6Prefix  int      `yaml:"ipv6_prefix"`
	Pools       []string `yaml:"pools"`        // domains of client names that are one sender
	SkipClients []string `yaml:"skip_clients"` // addresses, networks, domains of verified client names
	SkipSenders []string `yaml:"skip_senders"` // domains
	Recipients  string   `yaml:"recipients"`   // map: yes or no by recipient or @domain
}

// Skipped are the networks and the domains of client names that never wait.
func (g *Greylist) Skipped() (networks, domains []string) {
	for _, word := range g.SkipClients {
		if _, err := policyd.ParseNetwork(strings.TrimPrefix(word, "!")); err == nil {
			networks = append(networks, word)
			continue
		}
		domains = append(domains, word)
	}
	return networks, domains
}

// SPF is the SPF check. What is zero has its default.
type SPF struct {
	Check       `yaml:",inline"`
	Results     map[string]string `yaml:"results"` // pass, fail, softfail, …: reject, defer, prepend, pass
	Header      *bool             `yaml:"header"`  // Received-SPF
	Timeout     Duration          `yaml:"timeout"`
	SkipClients []string          `yaml:"skip_clients"`
	SkipSenders []string          `yaml:"skip_senders"`
}

// RateLimit is one rule.
type RateLimit struct {
	Name       string   `yaml:"name"`
	Key        Words    `yaml:"key"`   // an attribute, or a pair
	Count      string   `yaml:"count"` // messages, recipients, bytes
	Limit      Rates    `yaml:"limit"`
	Limits     string   `yaml:"limits"` // map: limits by key or @domain
	Action     string   `yaml:"action"` // defer, reject, hold, prepend, discard
	Text       string   `yaml:"text"`
	Exempt     []string `yaml:"exempt"`
	IPv4Prefix int      `yaml:"ipv4_prefix"`
	IPv6Prefix int      `yaml:"ipv6_prefix"`
	Recipients string   `yaml:"recipients"` // any, known, unknown
	Check      `yaml:",inline"`
}

// Words is one word or a list of them.
type Words []string

// UnmarshalYAML reads a scalar or a sequence node.
func (w *Words) UnmarshalYAML(node ast.Node) error {
	*w = nil
	for _, item := range items(node) {
		*w = append(*w, scalar(item))
	}
	return nil
}

// Rates is one limit or several windows.
type Rates []Rate

// UnmarshalYAML reads a scalar or a sequence node.
func (r *Rates) UnmarshalYAML(node ast.Node) error {
	*r = nil
	for _, item := range items(node) {
		var one Rate
		if err := one.UnmarshalYAML(item); err != nil {
			return err
		}
		*r = append(*r, one)
	}
	return nil
}

// items are the nodes of a list, or the node that is none.
func items(node ast.Node) []ast.Node {
	if list, ok := node.(*ast.SequenceNode); ok {
		return list.Values
	}
	return []ast.Node{node}
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
