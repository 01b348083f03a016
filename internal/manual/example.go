package manual

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
)

// exampleHead stands above the commented example.
const exampleHead = `## /etc/postern/postern.yaml, the configuration of all daemons of postern.
##
## This is the whole of a forwarding host, with a Postfix that is wired as in
## /usr/share/postern/postfix. The addresses, domains and names are examples:
## write those of your site. Every setting that is not needed for that stands
## here, too, with a single # before it: without the # it is in force. Its value
## is the default, unless "# example" stands behind it. Lines with ## explain.
##
## The files of secrets are /etc/postern/database.password, and srs.secret beside
## it, which postern srs rotate makes. Leave them to root: systemd passes them on.
##
## postern.yaml(5) has the same in one page; postern-check(8) finds what is
## wired wrong; systemctl reload postern puts a change in force.
`

// Example writes base, a configuration, with the doc of every setting above it
// and with the settings that it does not have, commented out.
func Example(settings []Setting, base []byte) ([]byte, error) {
	var given yaml.MapSlice
	if err := yaml.UnmarshalWithOptions(base, &given, yaml.UseOrderedMap()); err != nil {
		return nil, fmt.Errorf("manual: the configuration of the example: %w", err)
	}
	w := &exampleWriter{}
	w.WriteString(exampleHead)
	w.block(settings, given, place{})
	return w.Bytes(), nil
}

// exampleWriter writes settings and what explains them.
type exampleWriter struct {
	bytes.Buffer
	sharedBy string // the block that had the settings of every check first
}

// place is where a setting stands: how deep, and from which depth on lines are
// commented out.
type place struct {
	depth     int
	commented bool
	from      int
}

// out is the place for what is commented out, or is so already.
func (p place) out() place {
	if !p.commented {
		p.commented, p.from = true, p.depth
	}
	return p
}

// in is the place below.
func (p place) in() place {
	p.depth++
	return p
}

// block writes all settings of a block.
func (w *exampleWriter) block(settings []Setting, given yaml.MapSlice, at place) {
	for i, s := range settings {
		value, has := lookupKey(given, s.Key)
		here := at
		if !has {
			here = at.out()
		}
		w.above(s, here, i == 0 && at.depth > 0)
		w.setting(s, value, has, here)
	}
}

// above writes what explains a setting. The settings that every check has are
// explained once.
func (w *exampleWriter) above(s Setting, at place, first bool) {
	gap := "\n"
	if first {
		gap = ""
	}
	block := s.Path[:max(0, strings.LastIndexByte(s.Path, '.'))]
	if s.Shared && w.sharedBy != "" && w.sharedBy != block {
		if s.Key == "mode" {
			w.WriteString(gap)
			w.prose("As in "+w.sharedBy+":", "", at)
		}
		return
	}
	if s.Shared {
		w.sharedBy = block
	}
	w.WriteString(gap)
	w.prose(required(s)+s.Doc, "", at)
	if s.Form != List && s.Form != ByNames {
		return
	}
	for _, inner := range s.Settings {
		if !inner.Shared {
			w.prose("  "+inner.Key+": "+required(inner)+inner.Doc+standard(inner), "    ", at)
		}
	}
}

// setting writes one setting with its value.
func (w *exampleWriter) setting(s Setting, value any, has bool, at place) {
	switch s.Form {
	case Block:
		w.line(s.Key+":", at)
		w.block(s.Settings, asBlock(s, value), at.in())
	case Value:
		switch {
		case has:
			w.line(s.Key+": "+flow(value), at)
		case s.Example != nil:
			w.line(s.Key+": "+s.Example[0]+"   # example", at)
		default:
			w.line(s.Key+": "+valueOf(s), at)
		}
	default:
		w.entries(s, value, has, at)
	}
}

// entries writes the entries of a list, or those by name.
func (w *exampleWriter) entries(s Setting, value any, has bool, at place) {
	lines, mark := append(s.Default, s.Example...), ""
	if has {
		lines = entriesOf(value)
	} else if s.Example != nil {
		mark = "   # example"
	}
	dash := ""
	if s.Form == List {
		dash = "- "
	}
	w.line(s.Key+":", at)
	for _, line := range lines {
		w.line(dash+line+mark, at.in())
	}
}

// line writes a line of YAML.
func (w *exampleWriter) line(text string, at place) {
	if at.commented {
		fmt.Fprintf(w, "%s#%s%s\n", strings.Repeat("  ", at.from), strings.Repeat("  ", at.depth-at.from), text)
		return
	}
	fmt.Fprintf(w, "%s%s\n", strings.Repeat("  ", at.depth), text)
}

// prose writes an explanation.
func (w *exampleWriter) prose(text, hanging string, at place) {
	before, deeper := strings.Repeat("  ", at.depth), ""
	if at.commented {
		before, deeper = strings.Repeat("  ", at.from), strings.Repeat("  ", at.depth-at.from)
	}
	for i, line := range wrap(text, 96-2*at.depth-len(hanging)) {
		if i > 0 {
			line = hanging + line
		}
		fmt.Fprintf(w, "%s## %s%s\n", before, deeper, line)
	}
}

func required(s Setting) string {
	if s.Required {
		return "Required. "
	}
	return ""
}

// standard tells the default of an entry's setting.
func standard(s Setting) string {
	if s.Default == nil {
		return ""
	}
	return " Default: " + strings.Join(s.Default, ", ") + "."
}

// valueOf is the default as YAML, or the empty value.
func valueOf(s Setting) string {
	if s.Default != nil {
		return s.Default[0]
	}
	switch s.Kind {
	case "list", "list of locations":
		return "[]"
	case "true or false":
		return "false"
	}
	return `""`
}

// asBlock is the value of a block. One that is written as a single word is its
// first setting.
func asBlock(s Setting, value any) yaml.MapSlice {
	switch v := value.(type) {
	case yaml.MapSlice:
		return v
	case nil:
		return nil
	}
	return yaml.MapSlice{{Key: s.Settings[0].Key, Value: value}}
}

// entriesOf writes each entry of a list or of a mapping.
func entriesOf(value any) (lines []string) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			lines = append(lines, flow(item))
		}
	case yaml.MapSlice:
		for _, item := range v {
			lines = append(lines, quoted(fmt.Sprint(item.Key))+": "+flow(item.Value))
		}
	}
	return lines
}

func lookupKey(given yaml.MapSlice, key string) (any, bool) {
	for _, item := range given {
		if item.Key == key {
			return item.Value, true
		}
	}
	return nil, false
}

// wrap breaks a text at blanks, and keeps those at its begin.
func wrap(text string, width int) (lines []string) {
	trimmed := strings.TrimLeft(text, " ")
	line := text[:len(text)-len(trimmed)]
	begun := false
	for _, word := range strings.Fields(trimmed) {
		switch {
		case !begun:
			line += word
		case len(line)+1+len(word) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
		begun = true
	}
	return append(lines, line)
}
