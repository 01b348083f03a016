package config

import (
	"fmt"
	"io/fs"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"postern/internal/daemon"
	"postern/internal/duration"
)

// Duration is a length of time with a unit: 500ms, 60s, 1h30m, 1d, 2w.
type Duration time.Duration

// UnmarshalYAML reads a scalar node.
func (d *Duration) UnmarshalYAML(node ast.Node) error {
	v, err := ParseDuration(scalar(node))
	if err != nil {
		return faultAt(node, err)
	}
	*d = Duration(v)
	return nil
}

// ParseDuration reads a duration with the units ms, s, m, h, d and w.
func ParseDuration(s string) (time.Duration, error) { return duration.Parse(s) }

// Size is a number of bytes: 512MiB.
type Size int64

// UnmarshalYAML reads a scalar node.
func (s *Size) UnmarshalYAML(node ast.Node) error {
	text := scalar(node)
	for unit, factor := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 32)
			if err == nil && n >= 0 {
				*s = Size(n * factor)
				return nil
			}
		}
	}
	if n, err := strconv.ParseInt(strings.TrimSuffix(text, "B"), 10, 63); err == nil && n >= 0 {
		*s = Size(n)
		return nil
	}
	return faultAt(node, fmt.Errorf("%q is not a size: write a number and a unit: B, KiB, MiB or GiB, as in 512MiB", text))
}

// Percent is a share from 0 to 100: 20%.
type Percent float64

// UnmarshalYAML reads a scalar node.
func (p *Percent) UnmarshalYAML(node ast.Node) error {
	text := scalar(node)
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || !strings.HasSuffix(text, "%") || n < 0 || n > 100 {
		return faultAt(node, fmt.Errorf("%q is not a share: write a percentage, as in 20%%", text))
	}
	*p = Percent(n)
	return nil
}

// Fraction is the share as a number from 0 to 1.
func (p Percent) Fraction() float64 { return float64(p) / 100 }

// Secret is a value that does not print.
type Secret string

// String hides the value.
func (s Secret) String() string { return "[hidden]" }

// LogValue hides the value.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalYAML hides the value.
func (s Secret) MarshalYAML() ([]byte, error) { return []byte(s.String()), nil }

// Listener is where to listen, spelled as main.cf spells it: inet:HOST:PORT,
// unix:PATH, fd:NAME (a socket of a systemd unit). As a mapping a unix socket
// takes owner, group and mode too.
type Listener struct {
	At    string
	Owner string
	Group string
	Mode  fs.FileMode // 0: the default
}

// Spec is the listener as package daemon opens it.
func (l Listener) Spec() daemon.ListenSpec {
	return daemon.ListenSpec{At: l.At, Owner: l.Owner, Group: l.Group, Mode: l.Mode}
}

// UnmarshalYAML reads a scalar or a mapping.
func (l *Listener) UnmarshalYAML(node ast.Node) error {
	mapping, ok := node.(*ast.MappingNode)
	if !ok {
		if value, single := node.(*ast.MappingValueNode); single {
			return l.single(value)
		}
		l.At = scalar(node)
		return nil
	}
	if len(mapping.Values) == 1 {
		return l.single(mapping.Values[0])
	}
	for _, value := range mapping.Values {
		if err := l.set(value); err != nil {
			return err
		}
	}
	return nil
}

// single takes a mapping of one entry. Inside braces the YAML reader takes
// inet:127.0.0.1:25 for one, too.
func (l *Listener) single(v *ast.MappingValueNode) error {
	switch kind := v.Key.String(); kind {
	case "inet", "unix", "fd":
		l.At = kind + ":" + strings.ReplaceAll(v.Value.String(), ": ", ":")
		return nil
	}
	return l.set(v)
}

// set takes one entry of the mapping form.
func (l *Listener) set(v *ast.MappingValueNode) error {
	text := scalar(v.Value)
	switch name := v.Key.String(); name {
	case "at":
		l.At = text
	case "owner":
		l.Owner = text
	case "group":
		l.Group = text
	case "mode":
		mode, err := strconv.ParseUint(v.Value.GetToken().Value, 8, 12)
		if err != nil || mode == 0 || mode > 0o777 {
			return faultAt(v.Value, fmt.Errorf("mode %q is not a file mode: write it in octal, as in 0660", text))
		}
		l.Mode = fs.FileMode(mode)
	default:
		return faultAt(v.Key, fmt.Errorf("unknown key %q: a listener has at, owner, group and mode", name))
	}
	return nil
}

// scalar is the text of a scalar node as it was written, without its quotes.
func scalar(node ast.Node) string {
	if node == nil || node.GetToken() == nil {
		return ""
	}
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	case *ast.NullNode:
		return ""
	}
	return node.GetToken().Value
}
