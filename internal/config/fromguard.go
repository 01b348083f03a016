package config

import (
	"bytes"
	"errors"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// FromGuard is the milter that holds header From, Sender and Reply-To to the
// login's addresses. What is empty has its default.
type FromGuard struct {
	// Required. Where Postfix's smtpd_milters of the submission service connect.
	// Example: unix:/var/spool/postfix/postern/from-guard
	Listen Listener `yaml:"listen"`

	// The map that main.cf has in smtpd_sender_login_maps.
	// Default: sender-login-maps
	Senders string `yaml:"senders"`

	// What of an address must belong to the login: its domain, or the whole
	// address.
	// Default: domain
	Match string `yaml:"match"`

	// enforce, shadow (only logs and counts) or off: the most that a header has.
	// Default: enforce
	Mode string `yaml:"mode"`

	// The mode of header From.
	// Default: enforce
	From string `yaml:"from"`

	// The mode of headers Sender, Resent-From and Resent-Sender.
	// Default: enforce
	Sender string `yaml:"sender"`

	// The mode of header Reply-To.
	// Default: enforce
	ReplyTo string `yaml:"reply_to"`

	// The mode of addresses in the display names of the others.
	// Default: shadow
	DisplayName string `yaml:"display_name"`
}

// guardMatches is what of an address can be compared.
var guardMatches = []string{"domain", "address"}

// UnmarshalYAML reads a mapping, or the location of the listener alone.
func (g *FromGuard) UnmarshalYAML(node ast.Node) error {
	switch n := node.(type) {
	case *ast.MappingNode:
	case *ast.MappingValueNode:
		switch n.Key.String() {
		case "inet", "unix", "fd": // a location inside braces
			return g.Listen.UnmarshalYAML(n)
		}
	case *ast.SequenceNode:
		return faultAt(node, errors.New("the From guard has one listener: write unix:PATH or inet:HOST:PORT, or a block with listen"))
	default:
		return g.Listen.UnmarshalYAML(node)
	}
	type block FromGuard
	return yaml.NewDecoder(bytes.NewReader(nil), yaml.Strict()).DecodeFromNode(node, (*block)(g))
}

// fromGuard checks the words of the block.
func (v *validator) fromGuard(c *Config) {
	const path = "$.policyd.from_guard"
	g := c.Policyd.FromGuard
	if g.Listen.At == "" {
		v.fail(path, "the From guard needs a listener: add listen: unix:/var/spool/postfix/postern/from-guard")
	} else {
		v.listener(path+".listen", g.Listen)
	}
	if g.Senders != "" {
		v.mapName(path+".senders", c, g.Senders)
	}
	v.word(path+".match", "match", g.Match, guardMatches)
	for _, m := range []struct{ key, mode string }{
		{"mode", g.Mode}, {"from", g.From}, {"sender", g.Sender}, {"reply_to", g.ReplyTo}, {"display_name", g.DisplayName},
	} {
		v.word(path+"."+m.key, "mode", m.mode, checkModes)
	}
}
