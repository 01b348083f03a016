package mysqltable

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"postern/internal/lookup"
)

// maxListFiles is how deep files may name files in a domain list.
const maxListFiles = 16

// domainPattern is one entry of a domain list; a `!` in front turns it round.
type domainPattern struct {
	name  string // folded
	match bool
}

// domainList is the value of `domain` as Postfix's match_list.c reads it: the
// first entry that is equal decides, and none is a "no". Subdomains do not count.
type domainList []domainPattern

// matches reports whether a domain is on the list, whatever its case.
func (l domainList) matches(domain string) bool {
	folded := lookup.Fold(domain)
	for _, p := range l {
		if p.name == folded {
			return p.match
		}
	}
	return false
}

// parseDomainList reads a list, with /file entries replaced by their content.
func parseDomainList(list string) (domainList, error) {
	return appendDomains(nil, list, true, 0)
}

func appendDomains(list domainList, text string, match bool, depth int) (domainList, error) {
	for _, item := range splitDomains(text) {
		name := strings.TrimLeft(item, "!")
		positive := match == ((len(item)-len(name))%2 == 0)
		var err error
		switch {
		case item[0] == '#': // Postfix drops the rest of the list with a warning
			return list, nil
		case name == "":
			return nil, fmt.Errorf("domain: no name behind %q: write !example.com", item)
		case name[0] == '/':
			list, err = appendDomainFile(list, name, positive, depth)
		case name[0] != '[' && strings.Contains(name, ":"):
			err = fmt.Errorf("domain: the table %q can only be read by Postfix: list the domains, or name a /file that lists them", bounded(name))
		default:
			list = append(list, domainPattern{lookup.Fold(name), positive})
		}
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

func appendDomainFile(list domainList, path string, match bool, depth int) (domainList, error) {
	if depth >= maxListFiles {
		return nil, fmt.Errorf("domain: %s: files name each other in a circle: end it", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("domain: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, 64<<20))
	lines.Buffer(nil, maxFile)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		if list, err = appendDomains(list, lines.Text(), match, depth+1); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("domain: %s: %w", path, err)
	}
	return list, nil
}

// splitDomains splits at commas and white space, but not inside of braces
// (Postfix's mystrtokq()).
func splitDomains(text string) []string {
	depth := 0
	return strings.FieldsFunc(text, func(r rune) bool {
		switch {
		case r == '{':
			depth++
		case r == '}' && depth > 0:
			depth--
		}
		return depth == 0 && isListSeparator(r)
	})
}
