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
	Listen      Listener `yaml:"listen"`
	Senders     string   `yaml:"senders"`      // the map that main.cf has in smtpd_sender_login_maps; default sender-login-maps
	Match       string   `yaml:"match"`        // domain, address
	Mode        string   `yaml:"mode"`         // enforce, shadow, off: the most that a header has
	From        string   `yaml:"from"`         // enforce, shadow, off, as those below
	Sender      string   `yaml:"sender"`       // Sender, Resent-From, Resent-Sender
	ReplyTo     string   `yaml:"reply_to"`     //
	DisplayName string   `yaml:"display_name"` // addresses in the names of the others; default shadow
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
