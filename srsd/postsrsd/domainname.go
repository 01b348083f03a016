package postsrsd

import (
	"fmt"
	"strings"
)

// checkDomain applies the rule of PostSRSd 2.4, byte for byte.
func checkDomain(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the domain is empty: write a name such as example.org")
	case strings.HasPrefix(name, "$"):
		return fmt.Errorf("%s is no domain: parameters of Postfix are not expanded here, write the name itself", shown(name))
	case strings.HasSuffix(name, "."):
		return fmt.Errorf("the domain %s ends in a dot: write it without", shown(name))
	case strings.Contains(name, ".."):
		return fmt.Errorf("the domain %s has two dots in a row: write one", shown(name))
	}
	for i := range len(name) {
		if !isDomainByte(name[i]) {
			return fmt.Errorf("the domain %s has %q in it: letters, digits, '-' and '.' make a domain", shown(name), name[i])
		}
	}
	return nil
}

func isDomainByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.'
}
