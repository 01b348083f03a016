package doctor

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"postern/internal/postconf"
)

// checkNames lists entries that Postfix does not know, overrides or stumbles over.
func checkNames(h *Host, f *findings) {
	for _, e := range h.Postfix.Unknown() {
		f.add("parameter-unknown", e.Place.String(), "correct the name, or remove the line", "%s is no parameter of this Postfix, and nothing refers to it: the line does nothing", e.Name)
	}
	for _, e := range h.Postfix.Duplicates() {
		last, _ := h.Postfix.Entry(e.Name)
		f.add("parameter-twice", e.Place.String(), "remove the line that is not meant", "%s is set again in line %d, and this line does nothing", e.Name, last.Place.Line)
	}
	for _, w := range h.Postfix.Warnings {
		if strings.Contains(w.Text, ": overrides the entry") || strings.Contains(w.Text, ": the service stands in line") {
			continue // said above, and of services
		}
		f.add("parameter-unread", w.Place.String(), "correct the line", "%s", w.Text)
	}
	for _, v := range h.views() {
		for _, e := range entriesOf(h, v) {
			s := v.Get(e.Name)
			counts, _ := v.Entry(e.Name)
			switch {
			case counts.Place != e.Place: // the line does nothing
			case s.Err != nil:
				f.add("parameter-broken", e.Place.String(), "correct the value", "%s: the daemons that read it stop", faultText(s.Err))
			case !balanced(e.Raw):
				f.add("parameter-broken", e.Place.String(), "write a } for each {", "%s: the braces do not match: the daemons that read it stop, or take the rest of the list for one word", e.Name)
			}
		}
	}
}

// faultText is an error of package postconf without its place.
func faultText(err error) string {
	var f *postconf.Fault
	if errors.As(err, &f) {
		return f.Text
	}
	return err.Error()
}

// views are main.cf and every service.
func (h *Host) views() []postconf.View {
	views := []postconf.View{h.Postfix.View(nil)}
	for _, s := range h.Postfix.Master {
		views = append(views, h.Postfix.View(s))
	}
	return views
}

// entriesOf is what a view sets itself.
func entriesOf(h *Host, v postconf.View) []postconf.Entry {
	if s := v.Service(); s != nil {
		return s.Overrides
	}
	return h.Postfix.Main
}

// balanced reports braces that match.
func balanced(text string) bool {
	level := 0
	for _, c := range text {
		switch c {
		case '{':
			level++
		case '}':
			level--
		}
		if level < 0 {
			return false
		}
	}
	return level == 0
}

// checkReferences looks for $names that have no value.
func checkReferences(h *Host, f *findings) {
	pattern := referencePattern()
	for _, v := range h.views() {
		for _, e := range entriesOf(h, v) {
			if expandedLater(e.Name) {
				continue
			}
			for _, name := range references(pattern, e.Raw) {
				if v.Get(name).Known || name == "stress" {
					continue
				}
				f.add("name-undefined", e.Place.String(), "postconf -e '"+name+" = VALUE'", "%s refers to $%s, which is not set: it is taken for empty", e.Name, name)
			}
		}
	}
}

// referencePattern is a $name that has to have a value; ${name?…} and
// ${name:…} do not ask for one. $$ is a dollar sign.
func referencePattern() *regexp.Regexp {
	return regexp.MustCompile(`\$\$|\$([a-zA-Z_][a-zA-Z0-9_]*)|\$\{([a-zA-Z_][a-zA-Z0-9_]*)\}|\$\(([a-zA-Z_][a-zA-Z0-9_]*)\)`)
}

// references are the $names of a value.
func references(pattern *regexp.Regexp, raw string) []string {
	var names []string
	for _, m := range pattern.FindAllStringSubmatch(raw, -1) {
		if name := m[1] + m[2] + m[3]; name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// expandedLater are parameters whose $names belong to a message or a client.
func expandedLater(name string) bool {
	for _, part := range []string{"rbl_reply", "reject_footer", "mailbox_command", "forward_path", "luser_relay", "_filter", "_checks", "milter_macro", "bounce_template"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
