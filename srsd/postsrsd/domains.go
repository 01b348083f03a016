package postsrsd

import (
	"bytes"
	"strings"
)

// maxDomain is the longest domain that PostSRSd 2.x looks up, in bytes.
const maxDomain = 510

// Domains is a set of domains. A name stands for itself; with a leading dot it
// stands for all its subdomains, but not for the domain itself. Case counts
// for nothing in ASCII. A lookup costs one map access for each dot, however
// many names there are. The zero value is empty; once filled, a set may be
// read by many at once.
type Domains struct {
	names   map[string]struct{}
	longest int
}

// NewDomains is the set of the given names.
func NewDomains(names ...string) *Domains {
	d := new(Domains)
	for _, name := range names {
		d.Add(name)
	}
	return d
}

// Add reports whether the name was new. The name is taken as it is;
// [CheckDomain] says whether it is a domain at all.
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
func (d *Domains) Len() int { return len(d.names) }

// Contains reports whether the domain is in the set: by its own name, or as a
// subdomain of a name with a leading dot. A domain of more than 510 bytes is
// in no set (as in PostSRSd 2.x).
func (d *Domains) Contains(domain string) bool {
	if d == nil || len(d.names) == 0 || len(domain) > maxDomain {
		return false
	}
	var buffer [maxDomain]byte
	name := lowerInto(buffer[:0], domain)
	if d.has(name) {
		return true
	}
	return d.hasSuffix(name, '.', 0)
}

// ContainsAddress reports whether PostSRSd 1.x excludes the address: it ends
// in `@` and a name of the set, or in a name that begins with a dot. Unlike
// Contains it looks at the address as a whole, `@` or not.
func (d *Domains) ContainsAddress(address string) bool {
	if d == nil || len(d.names) == 0 || address == "" {
		return false
	}
	if far := len(address) - d.longest - 1; far > 0 {
		address = address[far:]
	}
	var buffer [maxDomain]byte
	tail := lowerInto(buffer[:0], address)
	if d.hasSuffix(tail, '.', 1) {
		return true
	}
	for i := len(tail) - 1; i >= 0; i-- {
		if tail[i] == '@' && !isDotted(tail[i+1:]) && d.has(tail[i+1:]) {
			return true
		}
	}
	return false
}

func isDotted(name []byte) bool { return len(name) > 0 && name[0] == '.' }

// hasSuffix looks for an ending that begins with the given byte, from index
// first on.
func (d *Domains) hasSuffix(name []byte, begin byte, first int) bool {
	for i := max(first, len(name)-d.longest); i < len(name); i++ {
		if name[i] == begin && d.has(name[i:]) {
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

// CheckDomain reports whether PostSRSd 2.x takes the name for a domain:
// ASCII letters, digits, hyphens and single dots, none at the end; one at the
// beginning is meant for subdomains. The error says what is wrong with it.
func CheckDomain(name string) error {
	return checkDomain(name)
}

// parseDomains reads the text of a domains-file: a name on each line, `#`
// begins a comment, white space around a name is dropped. The names come in
// their order, with the lines they are on.
func parseDomains(file string, text []byte) (names []string, lines []int, err error) {
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
		if err := checkDomain(name); err != nil {
			return nil, nil, place{file, line}.errorf("%w", err)
		}
		names, lines = append(names, name), append(lines, line)
	}
	return names, lines, nil
}

// ParseDomains reads the text of a domains-file of PostSRSd 2.x into a set;
// file is the name that errors give. first is the first name, which becomes
// the SRS domain where nothing else names one.
func ParseDomains(file string, text []byte) (set *Domains, first string, err error) {
	names, _, err := parseDomains(file, text)
	if err != nil {
		return nil, "", err
	}
	if len(names) > 0 {
		first = names[0]
	}
	return NewDomains(names...), first, nil
}
