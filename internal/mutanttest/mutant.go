// Package mutanttest makes mutants of the shipped configuration: main.cf,
// master.cf and opendkim.conf with one line taken out, or with two neighbours
// of a list exchanged. A line whose loss nobody notices has no business in a
// file that others have to read.
//
// # Who asks
//
// Two tests share it. The doctor (package doctor) names each mutant of all
// three files, from the text alone and for both releases of Postfix. The
// running host (package stack) has each mutant of main.cf and master.cf at
// work, until a probe notices. The lines of opendkim.conf are tried in package
// dkim, against the real filter.
//
// # Mutants that nobody notices
//
// Equivalents change nothing at all. Unfelt ones are named by the doctor, but
// change no mail on the release where the mutants run: a second lock behind
// another, or a service that waits for a site's own additions. Each has its
// reason; both tests fail when a mutant on their list is noticed, or is none.
//
// # Limits
//
// A continuation line that is taken away goes by the name of its parameter. A
// first line that is taken away leaves its continuation lines to the parameter
// before: that is what happens to a file. Elements of a list that stand on one
// line are exchanged, not taken away one by one.
package mutanttest

import (
	"fmt"
	"slices"
	"strings"

	"postern/internal/postconf"
)

// Files are the texts of one host.
type Files struct {
	Main, Master, OpenDKIM string
}

// Mutant is the configuration with one thing changed.
type Mutant struct {
	Name    string   // FILE: what was done; no two have the same
	File    string   // main.cf, master.cf or opendkim.conf
	Subject []string // what a finding has to name: the parameter or the service
	Files   Files
}

// All are the mutants of intact files: deletions, then exchanges.
func All(intact Files) []Mutant {
	withMain := func(s string) Files { x := intact; x.Main = s; return x }
	withMaster := func(s string) Files { x := intact; x.Master = s; return x }
	withOpenDKIM := func(s string) Files { x := intact; x.OpenDKIM = s; return x }
	return slices.Concat(
		deletions("main.cf", intact.Main, withMain),
		deletions("master.cf", intact.Master, withMaster),
		deletions("opendkim.conf", intact.OpenDKIM, withOpenDKIM),
		swaps("main.cf", intact.Main, withMain),
		swaps("master.cf", intact.Master, withMaster),
	)
}

// deletions takes each line out that is no comment.
func deletions(file, text string, with func(string) Files) []Mutant {
	var all []Mutant
	lines := strings.Split(text, "\n")
	current := ""
	for i, line := range lines {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || trimmed[0] == '#' {
			continue
		}
		before := current
		continues := line[0] == ' ' || line[0] == '\t'
		if !continues {
			current = strings.Fields(trimmed)[0]
		}
		m := Mutant{Name: file + ": without " + strings.Join(strings.Fields(trimmed), " "), File: file, Subject: []string{current}}
		if continues {
			m.Name = file + ": " + current + " without " + strings.Join(strings.Fields(trimmed), " ")
		}
		switch {
		case strings.HasPrefix(trimmed, "-o "): // the service and the parameter are known; name the parameter
			name, _, _ := strings.Cut(strings.TrimPrefix(trimmed, "-o "), "=")
			m.Subject = []string{name}
		case file == "master.cf": // the line that follows may be an -o, which then is the service's before
			if current == "smtp" {
				m.Subject = append(m.Subject, "port 25")
			}
		case current != before: // what follows continues the parameter before
			m.Subject = append(m.Subject, before)
		}
		m.Files = with(strings.Join(slices.Concat(lines[:i], lines[i+1:]), "\n"))
		all = append(all, m)
	}
	return all
}

// swaps exchanges neighbours in the values that are lists.
func swaps(file, text string, with func(string) Files) []Mutant {
	var all []Mutant
	for _, v := range listsIn(file, text) {
		elements := elementsOf(v.text)
		for i := range len(elements) - 1 {
			swapped := slices.Clone(elements)
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			glue := ", "
			if file == "master.cf" {
				glue = ","
			}
			all = append(all, Mutant{
				Name:    fmt.Sprintf("%s: %s: %s before %s", file, v.name, short(elements[i+1]), short(elements[i])),
				File:    file,
				Subject: []string{v.name},
				Files:   with(strings.Replace(text, v.name+v.equals+v.text, v.name+v.equals+strings.Join(swapped, glue), 1)),
			})
		}
	}
	return all
}

// value is the text of a parameter as it stands in a file.
type value struct{ name, equals, text string }

// listsIn are the values that are lists.
func listsIn(file, text string) []value {
	if file == "master.cf" {
		return listsInOptions(text)
	}
	var all []value
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

// listsInOptions are those of -o lines.
func listsInOptions(text string) []value {
	var all []value
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

// isList tells the lists from texts with blanks, such as local_transport.
func isList(name string) bool {
	for _, end := range []string{"_restrictions", "_maps", "_domains", "_keywords", "_classes", "mynetworks", "_milters"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// elementsOf are the elements of a list, without comments; a restriction goes
// with its argument.
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
