package postconf

import (
	"fmt"
	"path/filepath"
)

// Config is one Postfix configuration directory.
type Config struct {
	Dir        string
	MainFile   string // DIR/main.cf
	MasterFile string // DIR/master.cf

	// Main is every entry of main.cf in the order of the file, overridden
	// ones included.
	Main []Entry
	// Master is the services of master.cf in the order of the file.
	Master []*Service
	// Warnings is what Postfix itself warns of: text that continues nothing,
	// entries that override an earlier one with another value.
	Warnings []*Fault

	entries  map[string]Entry
	defaults Defaults
}

// Entry is "name = value" as it is written: continuation lines joined,
// $names not expanded.
type Entry struct {
	Name  string
	Raw   string
	Place Place

	text traced
}

// Open reads DIR/main.cf and DIR/master.cf. The error is a file that cannot
// be read or, as a [*Fault], a line with which no Postfix daemon starts.
func Open(dir string, defaults Defaults) (*Config, error) {
	c := &Config{
		Dir:        dir,
		MainFile:   filepath.Join(dir, "main.cf"),
		MasterFile: filepath.Join(dir, "master.cf"),
		entries:    map[string]Entry{},
		defaults:   defaults,
	}
	for _, file := range []struct {
		path  string
		parse func(lines []traced) error
	}{{c.MainFile, c.parseMain}, {c.MasterFile, c.parseMaster}} {
		lines, faults, err := readLogical(file.path)
		c.Warnings = append(c.Warnings, faults...)
		if err == nil {
			err = file.parse(lines)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(file.path), err)
		}
	}
	return c, nil
}

func (c *Config) parseMain(lines []traced) error {
	for _, line := range lines {
		name, value, err := splitNameValue(line)
		if err != nil {
			return &Fault{line.at(0), err.Error()}
		}
		entry := Entry{Name: name, Raw: value.text, Place: line.at(0), text: value}
		if old, exists := c.entries[name]; exists && old.Raw != entry.Raw {
			c.Warnings = append(c.Warnings, &Fault{entry.Place, fmt.Sprintf("%s: overrides the entry of line %d", name, old.Place.Line)})
		}
		c.Main = append(c.Main, entry)
		c.entries[name] = entry
	}
	return nil
}

// Entry is the entry of main.cf that counts for name.
func (c *Config) Entry(name string) (Entry, bool) {
	entry, exists := c.entries[name]
	return entry, exists
}

// Duplicates are the entries of main.cf that a later one of the same name
// overrides, alike or not.
func (c *Config) Duplicates() []Entry {
	var overridden []Entry
	for _, entry := range c.Main {
		if c.entries[entry.Name].Place != entry.Place {
			overridden = append(overridden, entry)
		}
	}
	return overridden
}

// Value is what main.cf alone says of name, expanded; see [View.Value].
func (c *Config) Value(name string) string {
	return c.View(nil).Value(name)
}

// ReadParameters reads a file of "name = value" lines, such as that of a
// mysql_table(5), in the syntax of main.cf. $names are no more than text
// there.
func ReadParameters(path string) ([]Entry, error) {
	lines, _, err := readLogical(path)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for _, line := range lines {
		name, value, err := splitNameValue(line)
		if err != nil {
			return nil, &Fault{line.at(0), err.Error()}
		}
		entries = append(entries, Entry{Name: name, Raw: value.text, Place: line.at(0), text: value})
	}
	return entries, nil
}
