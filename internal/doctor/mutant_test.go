package doctor

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"postern/internal/postconf"
)

// mutant is the shipped configuration with one thing changed.
type mutant struct {
	name    string   // FILE: what was done
	subject []string // what a finding has to name: the parameter or the service
	texts   texts
}

// TestMutants deletes every line of the shipped files in turn and swaps every
// pair of neighbours in a list. The doctor names each of them, unless it is
// listed as equivalent.
func TestMutants(t *testing.T) {
	for _, release := range []string{"3.7", "3.10"} {
		t.Run(release, func(t *testing.T) {
			intact := shipped(t)
			before := map[string]bool{}
			for _, f := range examine(t, host(t, intact, release, paper{})) {
				before[f.Check+f.Effect] = true
			}
			equal := equivalents()
			for _, m := range mutants(t, intact) {
				reason, isEqual := equal[m.name]
				delete(equal, m.name)
				named := named(t, m, release, before)
				switch {
				case !named && !isEqual:
					t.Errorf("%s: no finding names %s", m.name, strings.Join(m.subject, " or "))
				case named && isEqual:
					t.Errorf("%s: is named, and listed as equivalent (%s)", m.name, reason)
				}
			}
			for name := range equal {
				t.Errorf("equivalent %q is no mutant of the shipped files", name)
			}
		})
	}
}

// named reports a finding about the mutant that the intact files do not have.
func named(t *testing.T, m mutant, release string, before map[string]bool) bool {
	for _, f := range examine(t, host(t, m.texts, release, paper{})) {
		text := f.Check + " " + f.Effect
		if !before[f.Check+f.Effect] && slices.ContainsFunc(m.subject, func(s string) bool { return strings.Contains(text, s) }) {
			return true
		}
	}
	return false
}

// mutants are all of them.
func mutants(t *testing.T, intact texts) []mutant {
	var all []mutant
	all = append(all, deletions("main.cf", intact.main, func(s string) texts { x := intact; x.main = s; return x })...)
	all = append(all, deletions("master.cf", intact.master, func(s string) texts { x := intact; x.master = s; return x })...)
	all = append(all, deletions("opendkim.conf", intact.opendkim, func(s string) texts { x := intact; x.opendkim = s; return x })...)
	all = append(all, swaps("main.cf", intact.main, func(s string) texts { x := intact; x.main = s; return x })...)
	all = append(all, swaps("master.cf", intact.master, func(s string) texts { x := intact; x.master = s; return x })...)
	if len(all) < 150 {
		t.Fatalf("%d mutants: the shipped files were not read", len(all))
	}
	return all
}

// deletions takes each line out that is no comment.
func deletions(file, text string, with func(string) texts) []mutant {
	var all []mutant
	lines := strings.Split(text, "\n")
	current := ""
	for i, line := range lines {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || trimmed[0] == '#' {
			continue
		}
		before := current
		if line[0] != ' ' && line[0] != '\t' {
			current = strings.Fields(trimmed)[0]
		}
		m := mutant{name: file + ": without " + trimmed, subject: []string{current}}
		switch {
		case strings.HasPrefix(trimmed, "-o "): // the service and the parameter are known; name the parameter
			name, _, _ := strings.Cut(strings.TrimPrefix(trimmed, "-o "), "=")
			m.name, m.subject = file+": "+current+" without "+trimmed, []string{name}
		case file == "master.cf": // the line that follows may be an -o, which then is the service's before
			m.subject = []string{current}
			if current == "smtp" {
				m.subject = append(m.subject, "port 25")
			}
		case current != before: // what follows continues the parameter before
			m.subject = append(m.subject, before)
		}
		m.texts = with(strings.Join(slices.Concat(lines[:i], lines[i+1:]), "\n"))
		all = append(all, m)
	}
	return all
}

// swaps exchanges neighbours in the values that are lists.
func swaps(file, text string, with func(string) texts) []mutant {
	var all []mutant
	for _, v := range listsIn(file, text) {
		elements := elementsOf(v.text)
		for i := range len(elements) - 1 {
			swapped := slices.Clone(elements)
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			glue := ", "
			if file == "master.cf" {
				glue = ","
			}
			all = append(all, mutant{
				name:    fmt.Sprintf("%s: %s: %s before %s", file, v.name, short(elements[i+1]), short(elements[i])),
				subject: []string{v.name},
				texts:   with(strings.Replace(text, v.name+v.equals+v.text, v.name+v.equals+strings.Join(swapped, glue), 1)),
			})
		}
	}
	return all
}

// value is the text of a parameter as it stands in a file, without comments.
type value struct{ name, equals, text string }

// listsIn are the values that are lists. Comment lines in them are taken out of
// the comparison by being part of the text between elements.
func listsIn(file, text string) []value {
	var all []value
	if file == "master.cf" {
		for line := range strings.Lines(text) {
			if o, ok := strings.CutPrefix(strings.TrimSpace(line), "-o "); ok {
				name, v, _ := strings.Cut(o, "=")
				if strings.Contains(v, ",") {
					all = append(all, value{name, "=", v})
				}
			}
		}
		return all
	}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		name, v, ok := strings.Cut(lines[i], "=")
		if !ok || lines[i][0] == '#' || lines[i][0] == ' ' {
			continue
		}
		for i+1 < len(lines) && lines[i+1] != "" && (lines[i+1][0] == ' ' || lines[i+1][0] == '\t') {
			i++
			v += "\n" + lines[i]
		}
		if name = strings.TrimSpace(name); isList(name) {
			all = append(all, value{name, " =", v})
		}
	}
	return all
}

// isList tells the lists from texts with blanks, such as local_transport.
func isList(name string) bool {
	for _, end := range []string{"_restrictions", "_maps", "_domains", "_keywords", "_classes", "mynetworks", "_milters"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// elementsOf are the elements of a list; a restriction goes with its argument.
func elementsOf(text string) []string {
	var kept []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			kept = append(kept, line)
		}
	}
	words := postconf.SplitList(strings.Join(kept, ""))
	var elements []string
	for i := 0; i < len(words); i++ {
		if strings.HasPrefix(words[i], "check_") && i+1 < len(words) {
			elements = append(elements, words[i]+" "+words[i+1])
			i++
			continue
		}
		elements = append(elements, words[i])
	}
	return elements
}

// short is an element in a few words.
func short(element string) string {
	element = strings.Join(strings.Fields(element), " ")
	if i := strings.Index(element, "policy_context="); i >= 0 {
		context, _, _ := strings.Cut(element[i+len("policy_context="):], ",")
		return "check_policy_service " + context
	}
	if len(element) > 60 {
		return element[:60]
	}
	return element
}
