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
	// Where Postfix's check_policy_service asks, spelled as in socketmap.listen.
	// Example: [inet:127.0.0.1:10040]
	Listen []Listener `yaml:"listen"`

	// The checks of a request whose policy_context is missing or has no chain,
	// in order: srs, bans, spf, greylist, rate_limits. Where there are chains,
	// and this is not given, there are none.
	// Default: [srs, bans, rate_limits]
	Checks []string `yaml:"checks"`

	// The checks of a request by its policy_context, which is set by
	// smtpd_policy_service_policy_context or in check_policy_service.
	// Example: rcpt: [bans, spf, greylist, rate_limits]
	Chains map[string][]string `yaml:"chains"`

	// Which SRS senders from outside the check srs refuses: own, those of our
	// domain that do not verify; any; off, none.
	// Default: own
	SRSInbound string `yaml:"srs_inbound"`

	// The map that main.cf has in virtual_alias_maps: it tells where recipients
	// lead.
	// Default: virtual
	Aliases string `yaml:"aliases"`

	// Rules of the check rate_limits. Each takes what every check does as well:
	// mode, fail, listeners, states, contexts, clients, logins.
	// Example: {name: login, key: sasl_username, count: recipients, limit: [60/1m, 500/1d]}
	RateLimits []RateLimit `yaml:"rate_limits"`

	// The check srs: forged and foreign SRS senders and recipients.
	SRS Check `yaml:"srs"`

	// The check bans: what stands in table api_bans. A place that is not given
	// has every kind of ban that makes sense there; [] is nothing.
	Bans Bans `yaml:"bans"`

	// The check greylist: a first attempt is deferred. No chain has it by
	// default.
	Greylist Greylist `yaml:"greylist"`

	// The check spf: whether the sender's domain lets the client send for it.
	// No chain has it by default.
	SPF SPF `yaml:"spf"`

	// The From guard: a milter that holds the headers From, Sender and Reply-To
	// of submitted mail to addresses of the login. The location of the listener
	// may stand in place of the block.
	FromGuard *FromGuard `yaml:"from_guard"`

	// Where counters and the greylist are: memory, kept in state_dir across
	// restarts, or redis://HOST:PORT/DB (also rediss://, redis+sentinel://,
	// redis+cluster://), shared by several hosts.
	// Default: memory
	State string `yaml:"state"`

	// The file whose first line is the password of the Redis server, or
	// credential:NAME.
	// Example: credential:redis.password
	StatePasswordFile string `yaml:"state_password_file"`

	// The file whose first line is the secret by which keys in Redis are
	// hashed, or credential:NAME; the same on all hosts.
	// Example: policy.key
	StateKeyFile string `yaml:"state_key_file"`

	// How long a decision waits for Redis, at most 10s. A host that got no
	// answer by then counts for itself, and its greylist lets pass.
	// Default: 20ms
	StateTimeout Duration `yaml:"state_timeout"`

	// How many counters, and how many rows of the greylist, are held in memory.
	// It takes effect at the next start.
	// Default: 1000000
	StateKeys int `yaml:"state_keys"`

	// How long a stop goes on answering on open connections while a successor
	// listens on the same port. Postfix leaves after
	// smtpd_policy_service_max_ttl.
	// Default: 1000s
	LameDuck Duration `yaml:"lame_duck"`

	// The DNS server for spf and bans.mx, HOST:PORT. Without it those of the
	// system are asked.
	// Example: 127.0.0.1:53
	Resolver string `yaml:"resolver"`
}

// Check is what every check can be told.
type Check struct {
	// enforce; shadow, which decides, logs and counts, but does not act; or off.
	// Default: enforce
	Mode string `yaml:"mode"`

	// In trouble: open lets the mail pass, closed answers 451. Without it there
	// is no reply, and Postfix takes default_action; greylist lets pass.
	// Example: open
	Fail string `yaml:"fail"`

	// Only requests that come by one of these, which are among policyd.listen.
	// Example: [unix:/var/spool/postfix/postern/policy]
	Listeners []Listener `yaml:"listeners"`

	// Only requests with one of these in protocol_state: CONNECT, EHLO, HELO,
	// MAIL, RCPT, DATA, END-OF-MESSAGE, VRFY, ETRN.
	// Example: [RCPT]
	States []string `yaml:"states"`

	// Only requests with one of these in policy_context. Each must have a chain.
	// Example: [rcpt]
	Contexts []string `yaml:"contexts"`

	// Only clients at these addresses and networks; ! takes one out.
	// Example: ["!192.0.2.0/24"]
	Clients []string `yaml:"clients"`

	// Only these logins: names, @domain, inbound (nobody has logged in),
	// submission (somebody has); ! takes one out.
	// Example: [inbound]
	Logins []string `yaml:"logins"`
}

// Bans says which kinds of ban (domain, email, ip, name) act on what. A place
// that is not named has all that make sense there.
type Bans struct {
	Check `yaml:",inline"`

	// Kinds of ban that act on the sender.
	// Default: [email, domain]
	Sender []string `yaml:"sender"`

	// On the recipient; name is a local part, at hosted domains only.
	// Default: [email, domain, name]
	Recipient []string `yaml:"recipient"`

	// On where the recipient's alias leads.
	// Default: [email, domain]
	Destination []string `yaml:"destination"`

	// On the client: its address, and the domain of its verified name.
	// Default: [ip, domain]
	Client []string `yaml:"client"`

	// On the name in HELO; ip, an address literal there, acts only if it is named.
	// Default: [domain]
	Helo []string `yaml:"helo"`

	// Whether the mail hosts of a destination are looked up, too: names, for
	// bans of their domain; addresses, for bans of their IP address as well; off.
	// Default: "off"
	MX string `yaml:"mx"`
}

// Greylist is the greylisting check. What is zero has its default.
type Greylist struct {
	Check `yaml:",inline"`

	// The time from a first attempt to one that passes, 1s at least.
	// Default: 1m
	Delay Duration `yaml:"delay"`

	// The time within which an attempt must come again; longer than delay.
	// Default: 5h
	RetryWindow Duration `yaml:"retry_window"`

	// How long after its last mail what passed still passes, 1m at least.
	// Default: 36d
	Lifetime Duration `yaml:"lifetime"`

	// After so many messages a network does not wait any more, 1 to 100; -1: it
	// always does.
	// Default: 5
	AutoPass int `yaml:"auto_pass"`

	// The length of an IPv4 network that is one sender, 1 to 32.
	// Default: 24
	IPv4Prefix int `yaml:"ipv4_prefix"`

	// The length of an IPv6 network that is one sender, 1 to 128.
	// Default: 64
	IPv6Prefix int `yaml:"ipv6_prefix"`

	// Domains: clients with a verified name there, or below, are one sender.
	// Example: [example.com]
	Pools []string `yaml:"pools"`

	// Who never waits: addresses, networks, domains of verified client names.
	// Example: [192.0.2.0/24]
	SkipClients []string `yaml:"skip_clients"`

	// Domains of senders that never wait. A sender can be forged.
	// Example: [example.com]
	SkipSenders []string `yaml:"skip_senders"`

	// The name of a map that switches greylisting, yes or no, for
	// user@example.org or @example.org. What it does not know is greylisted.
	Recipients string `yaml:"recipients"`
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
	Check `yaml:",inline"`

	// What becomes of each result (none, neutral, pass, fail, softfail,
	// temperror, permerror): reject, defer, prepend (a header) or pass.
	// Default: fail: reject
	Results map[string]string `yaml:"results"`

	// Whether mail with a result that is not in results gets a Received-SPF
	// header.
	// Default: true
	Header *bool `yaml:"header"`

	// The longest time of one evaluation, which is temperror then; 15s at most.
	// Default: 5s
	Timeout Duration `yaml:"timeout"`

	// Clients that are not asked about, such as hosts that forward to this one:
	// addresses and networks.
	// Example: [192.0.2.0/24]
	SkipClients []string `yaml:"skip_clients"`

	// Senders that are not asked about: addresses, domains, .example.org for
	// all below. A sender can be forged.
	// Example: [example.com]
	SkipSenders []string `yaml:"skip_senders"`
}

// RateLimit is one rule.
type RateLimit struct {
	// Required. The name in logs and metrics, by which counters are kept.
	// Example: login
	Name string `yaml:"name"`

	// Required. The attribute that is counted by, such as sasl_username,
	// client_address, sender, sender_domain, recipient_domain or alias_owner,
	// or a pair [a, b]. An empty one never matches.
	// Example: sasl_username
	Key Words `yaml:"key"`

	// What is counted: messages, recipients or bytes.
	// Default: messages
	Count string `yaml:"count"`

	// Required. NUMBER/DURATION, or several windows, which must all have room.
	// Example: [60/1m, 500/1d]
	Limit Rates `yaml:"limit"`

	// A map of limits by key or @domain, in place of limit where it has one.
	// Example: plans
	Limits string `yaml:"limits"`

	// What becomes of what is over the limit: defer, reject, hold, prepend (a
	// header) or discard.
	// Default: defer
	Action string `yaml:"action"`

	// What the reply says, instead of what is limited.
	// Example: too much mail at once
	Text string `yaml:"text"`

	// What is not counted: values of the key, logins, @domain, networks.
	// Example: ["@example.org"]
	Exempt []string `yaml:"exempt"`

	// The length of an IPv4 network that is one client, 1 to 32.
	// Default: 32
	IPv4Prefix int `yaml:"ipv4_prefix"`

	// The length of an IPv6 network that is one client, 1 to 128.
	// Default: 64
	IPv6Prefix int `yaml:"ipv6_prefix"`

	// Which recipients are counted: any, known or unknown ones.
	// Default: any
	Recipients string `yaml:"recipients"`

	Check `yaml:",inline"`
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
