package postconf

import (
	"maps"
	"slices"
	"strings"
)

// Unknown are the entries of main.cf and the overrides of master.cf that no
// part of Postfix reads: neither a parameter of Postfix, nor a name that a
// $name, a restriction class or a legacy table refers to. It is nil if the
// defaults are not complete.
func (c *Config) Unknown() []Entry {
	if !c.defaults.Complete {
		return nil
	}
	used := c.usedNames()
	var unknown []Entry
	for _, entry := range c.Main {
		if !c.known(entry.Name, used) {
			unknown = append(unknown, entry)
		}
	}
	for _, s := range c.Master {
		for _, entry := range s.Overrides {
			if !c.known(entry.Name, used) {
				unknown = append(unknown, entry)
			}
		}
	}
	return unknown
}

func (c *Config) known(name string, used map[string]bool) bool {
	if used[name] {
		return true
	}
	_, known := c.View(nil).fallback(name)
	return known || c.serviceParameter(name)
}

// serviceParameter tells the parameters that services bring along, such as
// NAME_time_limit of spawn(8) and pipe(8).
func (c *Config) serviceParameter(name string) bool {
	for _, s := range c.Master {
		rest, ok := strings.CutPrefix(name, s.Name+"_")
		if ok && (rest == "time_limit" || slices.Contains(serviceParameters(), "_"+rest)) {
			return true
		}
	}
	return false
}

// usedNames are the names that some value refers to.
func (c *Config) usedNames() map[string]bool {
	used := map[string]bool{}
	for _, value := range c.defaults.values {
		referred(value, used)
	}
	for _, entry := range c.entries {
		referred(entry.Raw, used)
	}
	for _, s := range c.Master {
		for _, entry := range s.Overrides {
			referred(entry.Raw, used)
		}
		for _, word := range c.View(s).List("smtpd_restriction_classes") {
			used[word.Text] = true
		}
	}
	for _, word := range c.View(nil).List("smtpd_restriction_classes") {
		used[word.Text] = true
	}
	c.legacyNames(used)
	return used
}

// Names are the parameters that a text refers to, as $name and in the other
// forms.
func Names(text string) []string {
	used := map[string]bool{}
	referred(text, used)
	return slices.Sorted(maps.Keys(used))
}

// referred collects the $names of a text.
func referred(text string, used map[string]bool) {
	for i := 0; i < len(text); i++ {
		if text[i] != '$' {
			continue
		}
		if strings.HasPrefix(text[i:], "$$") {
			i++
			continue
		}
		rest := strings.TrimLeft(text[i+1:], "({"+blanks)
		end := 0
		for end < len(rest) && isNameByte(rest[end]) {
			end++
		}
		used[rest[:end]] = true
	}
}

// legacyNames are the parameters that tables written as "mysql:NAME", with
// no slash, read from main.cf: NAME_hosts and so on.
func (c *Config) legacyNames(used map[string]bool) {
	views := []View{c.View(nil)}
	for _, s := range c.Master {
		views = append(views, c.View(s))
	}
	prefixes := map[string]bool{}
	for _, v := range views {
		for _, entry := range c.entries {
			legacyPrefixes(v.Get(entry.Name).Words(), prefixes)
		}
	}
	for _, entry := range c.Main {
		for prefix := range prefixes {
			if strings.HasPrefix(entry.Name, prefix+"_") {
				used[entry.Name] = true
			}
		}
	}
}

func legacyPrefixes(words []Word, prefixes map[string]bool) {
	for _, word := range words {
		t := word.Table()
		if t.Is("mysql", "pgsql", "ldap", "sqlite", "memcache", "mongodb") && !strings.Contains(t.Name, "/") && t.Name != "" {
			prefixes[t.Name] = true
		}
	}
}
