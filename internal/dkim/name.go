package dkim

import (
	"fmt"
	"strings"
)

// CheckDomain tells what is wrong with the name of a domain: it has to be a
// host name of two labels or more (RFC 1123, section 2.1), in lower case.
func CheckDomain(name string) error {
	switch {
	case len(name) > 253:
		return fmt.Errorf("a name of %d bytes: DNS takes 253", len(name))
	case !strings.Contains(name, "."):
		return fmt.Errorf("no domain: it has no dot")
	}
	return checkLabels(name)
}

// CheckSelector tells what is wrong with a selector: labels as in a domain
// (RFC 6376, section 3.1).
func CheckSelector(selector string) error {
	if len(selector) > 63 {
		return fmt.Errorf("a selector of %d bytes: take 63 or less", len(selector))
	}
	return checkLabels(selector)
}

func checkLabels(name string) error {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return fmt.Errorf("a label of %d bytes: write 1 to 63 between dots", len(label))
		}
		if label[0] == '-' || label[len(label)-1] == '-' {
			return fmt.Errorf("label %q begins or ends with a hyphen", label)
		}
		if i := strings.IndexFunc(label, foreign); i >= 0 {
			return fmt.Errorf("label %.80q: write a-z, 0-9 and hyphens, other scripts as xn--…", label)
		}
	}
	return nil
}

// foreign characters occur in no host name.
func foreign(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
}
