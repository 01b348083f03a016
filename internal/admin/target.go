package admin

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"postern/internal/lookup"
)

// maxTargets is virtual_alias_expansion_limit of the shipped main.cf: a mail
// that expands to more is deferred for ever.
const maxTargets = 100

// What the columns hold: text in bytes, varchar(255) in characters.
const (
	maxGoto          = 65535
	maxHandleAddress = 255
)

// parseTargets reads where an alias or a handle leads: one list out of several
// arguments, each with one or more addresses.
func parseTargets(inputs []string) ([]string, error) {
	var targets, seen []string
	for _, text := range strings.Split(strings.Join(inputs, ","), ",") {
		target, err := parseTarget(strings.TrimSpace(text))
		if err != nil {
			return nil, invalid("target", text, err)
		}
		if folded := lookup.Fold(target); !slices.Contains(seen, folded) {
			seen = append(seen, folded)
			targets = append(targets, target)
		}
		if len(targets) > maxTargets {
			return nil, &Invalid{fmt.Errorf("more than %d targets: that many is what Postfix expands (virtual_alias_expansion_limit); use a mailing list manager", maxTargets)}
		}
	}
	if len(targets) > 1 && slices.ContainsFunc(targets, func(t string) bool { return t[0] == '@' }) {
		return nil, &Invalid{errors.New("a target @DOMAIN means the same name at another domain, and stands alone (virtual(5))")}
	}
	return targets, nil
}

func parseTarget(text string) (string, error) {
	if text == "" {
		return "", errors.New("is empty: write an address between the commas, as a@example.org,b@example.org")
	}
	if rest, same := strings.CutPrefix(text, "@"); same {
		domain, err := parseDomain(rest)
		return "@" + domain, err
	}
	return parseAddress(text)
}

// joined is the value of the column.
func joined(targets []string, handle bool) (string, error) {
	value := strings.Join(targets, ",")
	switch {
	case handle && utf8.RuneCountInString(value) > maxHandleAddress:
		return "", &Invalid{fmt.Errorf("the targets have %d characters: a handle has room for %d: let it lead to an alias that lists them", utf8.RuneCountInString(value), maxHandleAddress)}
	case len(value) > maxGoto:
		return "", &Invalid{fmt.Errorf("the targets have %d bytes: an alias has room for %d", len(value), maxGoto)}
	}
	return value, nil
}
