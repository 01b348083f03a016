package mysqltable

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"postern/internal/nearest"
)

// knownNames are the parameters of mysql_table(5) in Postfix 3.10.
func knownNames() []string {
	return []string{
		"hosts", "user", "password", "dbname", "charset", "retry_interval", "idle_interval",
		"query", "result_format", "domain", "expansion_limit", "option_file", "option_group",
		"require_result_set", "tls_key_file", "tls_cert_file", "tls_CAfile", "tls_CApath",
		"tls_ciphers", "tls_verify_cert",
		"table", "select_field", "where_field", "additional_conditions",
	}
}

// values gives typed access to the parameters of a file and collects all that
// is wrong with them.
type values struct {
	file     string
	byName   map[string]parameter
	warnings []Warning
	problems []error
}

// newValues lets the last of equal names win, as Postfix does.
func newValues(file string, params []parameter) *values {
	v := &values{file: file, byName: make(map[string]parameter)}
	known := knownNames()
	for _, p := range params {
		old, twice := v.byName[p.name]
		if twice && old.value != p.value {
			v.warn(p.line, fmt.Sprintf("%s was already set in line %d: this one wins", p.name, old.line))
		}
		if !twice && !slices.Contains(known, p.name) {
			v.warn(p.line, unknownName(p.name, known))
		}
		v.byName[p.name] = p
	}
	return v
}

func unknownName(name string, known []string) string {
	text := fmt.Sprintf("unknown parameter %q has no effect", bounded(name))
	if like := likely(name, known); like != "" {
		text += fmt.Sprintf(": did you mean %s?", like)
	}
	return text
}

func (v *values) warn(line int, text string) {
	v.warnings = append(v.warnings, Warning{v.file, line, text})
}

// refuse notes a problem of the parameter, or of the file if it is absent.
func (v *values) refuse(name, format string, args ...any) {
	where := v.file
	if p, ok := v.byName[name]; ok {
		where = fmt.Sprintf("%s:%d", v.file, p.line)
	}
	v.problems = append(v.problems, fmt.Errorf("%s: %w", where, fmt.Errorf(format, args...)))
}

func (v *values) err() error { return errors.Join(v.problems...) }

func (v *values) line(name string) int { return v.byName[name].line }

func (v *values) has(name string) bool {
	_, ok := v.byName[name]
	return ok
}

// text returns the value, or the default if the parameter is absent.
func (v *values) text(name, otherwise string) string {
	if p, ok := v.byName[name]; ok {
		return p.value
	}
	return otherwise
}

// needed returns a value that must not be empty.
func (v *values) needed(name, otherwise string) string {
	s := v.text(name, otherwise)
	switch {
	case s != "":
	case v.has(name):
		v.refuse(name, "%s is empty: give it a value", name)
	default:
		v.refuse(name, "%s is missing: add a line `%s = …`", name, name)
	}
	return s
}

// integer reads a number as strtol(3) and a C int have it; least is checked
// unless it is 0.
func (v *values) integer(name string, otherwise, least int) int {
	p, ok := v.byName[name]
	if !ok {
		return otherwise
	}
	n, err := strconv.ParseInt(p.value, 10, 32)
	if err != nil {
		v.refuse(name, "%s = %q is not a whole number: write digits only", name, bounded(p.value))
		return otherwise
	}
	if least != 0 && int(n) < least {
		v.refuse(name, "%s = %d is too small: %d is the least", name, n, least)
	}
	return int(n)
}

// boolean reads yes or no in any case; nil if the parameter is absent.
func (v *values) boolean(name string) *bool {
	p, ok := v.byName[name]
	if !ok {
		return nil
	}
	yes := strings.EqualFold(p.value, "yes")
	if !yes && !strings.EqualFold(p.value, "no") {
		v.refuse(name, "%s = %q is neither: write yes or no", name, bounded(p.value))
	}
	return &yes
}

// likely returns the known name that a mistyped one is closest to.
func likely(name string, known []string) string {
	plain := plainName(name)
	best, least := "", 3
	for _, k := range known {
		if d := nearest.Distance(plain, plainName(k)); d < least && d < len(k)/2 {
			best, least = k, d
		}
	}
	return best
}

func plainName(name string) string {
	return strings.ToLower(strings.ReplaceAll(name, "-", "_"))
}
