package postsrsd

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxDomain is the longest domain that PostSRSd 2.x looks up, in bytes.
const maxDomain = 510

// Domains is a set of domains. A name stands for itself; with a leading dot it
// stands for all its subdomains, but not for the domain itself. Case counts
// for nothing in ASCII. A lookup costs one map access for each dot, however
// many names there are. The zero value is empty; a set that is no longer added
// to may be read by many at once.
type Domains struct {
	names   map[string]struct{}
	longest int
}

// NewDomains is the set of the given names. The error is that of
// [CheckDomain]; a name given twice is none.
func NewDomains(names []string) (*Domains, error) {
	d := new(Domains)
	for _, name := range names {
		if err := CheckDomain(name); err != nil {
			return nil, err
		}
		d.Add(name)
	}
	return d, nil
}

// Add reports whether the name was new. It takes any text, as PostSRSd 1.x
// does for SRS_EXCLUDE_DOMAINS.
func (d *Domains) Add(name string) bool {
	name = lower(name)
	if _, known := d.names[name]; known {
		return false
	}
	if d.names == nil {
		d.names = make(map[string]struct{})
	}
	d.names[name] = struct{}{}
	d.longest = max(d.longest, len(name))
	return true
}

// Len is the number of names in the set.
func (d *Domains) Len() int {
	if d == nil {
		return 0
	}
	return len(d.names)
}

// Names are the names of the set, folded and sorted.
func (d *Domains) Names() []string {
	if d == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(d.names))
}

// Contains reports whether the domain is in the set: by its own name, or as a
// subdomain of a name with a leading dot. A domain of more than 510 bytes is
// in no set (as in PostSRSd 2.x).
func (d *Domains) Contains(domain string) bool {
	if d.Len() == 0 || len(domain) > maxDomain {
		return false
	}
	var buffer [maxDomain]byte
	name := lowerInto(buffer[:0], domain)
	return d.has(name) || d.hasDotted(name, 0)
}

// ContainsAddress reports whether PostSRSd 1.x excludes the address: it ends
// in `@` and a name of the set, or in a name that begins with a dot. The
// address is looked at as a whole, so one without `@` may be excluded, too.
func (d *Domains) ContainsAddress(address string) bool {
	if d.Len() == 0 {
		return false
	}
	if far := len(address) - d.longest - 1; far > 0 {
		address = address[far:]
	}
	var buffer [maxDomain]byte
	tail := lowerInto(buffer[:0], address)
	if d.hasDotted(tail, 1) { // a name is a proper part of an address
		return true
	}
	for i := range tail {
		if tail[i] == '@' && d.has(tail[i+1:]) {
			return true
		}
	}
	return false
}

// hasDotted looks for an ending that begins with a dot, from index first on.
func (d *Domains) hasDotted(name []byte, first int) bool {
	for i := max(first, len(name)-d.longest); i < len(name); i++ {
		if name[i] == '.' && d.has(name[i:]) {
			return true
		}
	}
	return false
}

func (d *Domains) has(name []byte) bool {
	_, ok := d.names[string(name)]
	return ok
}

// lower folds ASCII only: that is what strcasecmp(3) does in the C locale.
func lower(s string) string {
	return string(lowerInto(make([]byte, 0, len(s)), s))
}

func lowerInto(b []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// CheckDomain says why PostSRSd 2.x would not take the name for a domain. It
// takes ASCII letters, digits, hyphens and single dots, with none at the end;
// one at the beginning means the subdomains.
func CheckDomain(name string) error {
	switch {
	case name == "":
		return errors.New("the domain is empty: write a name such as example.org")
	case name[0] == '$':
		return fmt.Errorf("%s is no domain: parameters of Postfix are not expanded here, write the name itself", shown(name))
	case strings.HasSuffix(name, "."):
		return fmt.Errorf("the domain %s ends in a dot: write it without", shown(name))
	case strings.Contains(name, ".."):
		return fmt.Errorf("the domain %s has two dots in a row: write one", shown(name))
	}
	if i := strings.IndexFunc(name, func(r rune) bool { return !isDomainRune(r) }); i >= 0 {
		_, size := utf8.DecodeRuneInString(name[i:])
		return fmt.Errorf("the domain %s has %q in it: letters, digits, '-' and '.' make a domain", shown(name), name[i:i+size])
	}
	return nil
}

func isDomainRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '.'
}

// entry is a domain of a file, and the place where it stands.
type entry struct {
	name string
	place
}

// parseDomains reads the text of a domains-file: a name on each line, `#`
// begins a comment, white space around a name is dropped, and what follows a
// carriage return.
func parseDomains(file string, text []byte) ([]entry, error) {
	var entries []entry
	for line := 1; len(text) > 0; line++ {
		var row []byte
		row, text, _ = bytes.Cut(text, []byte("\n"))
		if end := bytes.IndexAny(row, "#\r"); end >= 0 {
			row = row[:end]
		}
		name := strings.Trim(string(row), " \t\v\f")
		if name == "" {
			continue
		}
		at := place{file, line}
		if err := CheckDomain(name); err != nil {
			return nil, at.errorf("%w", err)
		}
		entries = append(entries, entry{name, at})
	}
	return entries, nil
}
