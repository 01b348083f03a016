package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"postern/srsd"
)

// Twin has a share of the live questions asked again along the old path.
type Twin struct {
	// The share of the questions that are asked again, a percentage or a
	// fraction such as 0.01.
	// Default: 1%
	Share Share `yaml:"share"`

	// Required. Each map with the mysql_table(5) files that it took the place
	// of, searched as one list.
	// Example: virtual: [/etc/postfix/mysql-virtual-handles.cf, /etc/postfix/mysql-virtual-aliases.cf]
	Maps map[string][]string `yaml:"maps"`
}

// Share is a share of all: 1% or 0.01.
type Share float64

// UnmarshalYAML reads a scalar node.
func (s *Share) UnmarshalYAML(node ast.Node) error {
	text := scalar(node)
	number, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(number, 64)
	if percent {
		n /= 100
	}
	if err != nil || !(n > 0 && n <= 1) {
		return faultAt(node, fmt.Errorf("%q is not a share of the questions: write a percentage, as in 1%%, or a fraction, as in 0.01; without the block twin none is asked again", text))
	}
	*s = Share(n)
	return nil
}

// Fraction is the share as a number from 0 to 1.
func (t *Twin) Fraction() float64 {
	if t.Share == 0 {
		return 0.01
	}
	return float64(t.Share)
}

// twin checks the block.
func (v *validator) twin(c *Config) {
	if len(c.Twin.Maps) == 0 {
		v.fail("$.twin", "twin needs maps: write each map with the files it took the place of, as in virtual-aliases: [/etc/postfix/mysql-virtual-aliases.cf]")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Twin.Maps)) {
		path := "$.twin.maps." + name
		v.mapName(path, c, name)
		if srsd.IsMap(name) {
			v.fail(path, "map %q asks no table: there is no old path to compare it with", name)
		}
		files := c.Twin.Maps[name]
		if len(files) == 0 {
			v.fail(path, "map %q needs the mysql_table(5) files that it took the place of", name)
		}
		for i, file := range files {
			if file == "" || strings.HasPrefix(file, "mysql:") || strings.HasPrefix(file, "proxy:") {
				v.fail(fmt.Sprintf("%s[%d]", path, i), "%q: write the path of the file alone, as in /etc/postfix/mysql-virtual-aliases.cf", file)
			}
		}
	}
}

// resolve makes file names absolute.
func (t *Twin) resolve(dir string) {
	for _, files := range t.Maps {
		for i := range files {
			files[i] = absolute(dir, files[i])
		}
	}
}
