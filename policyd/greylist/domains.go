package greylist

import (
	"fmt"
	"strings"

	"postern/internal/lookup"
)

// domains are names with all names below them.
type domains map[string]Group

// newDomains reads a list; what it is for stands in its errors.
func newDomains(list []string, what string) (domains, error) {
	d := make(domains, len(list))
	for _, word := range list {
		name := domainName(word)
		if name == "" || len(name) > longestPart || strings.ContainsAny(name, "@*/ \t") || strings.HasPrefix(name, ".") {
			return nil, fmt.Errorf("%s: %.100q is no domain: write example.com, which has the names below it in it", what, word)
		}
		d[name] = Group(poolPrefix + name)
	}
	return d, nil
}

// above finds the nearest of d that name is, or is below. The name is folded.
func (d domains) above(name string) (Group, bool) {
	if len(d) == 0 {
		return "", false
	}
	for {
		if g, found := d[name]; found {
			return g, true
		}
		_, parent, below := strings.Cut(name, ".")
		if !below {
			return "", false
		}
		name = parent
	}
}

// domainName folds a name, without the dot that ends a full one.
func domainName(s string) string { return lookup.Fold(strings.TrimSuffix(s, ".")) }

// domainOf is the domain of an address, folded. The null sender has none, and
// neither has a name that Postfix will qualify.
func domainOf(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return ""
	}
	return domainName(address[at+1:])
}
