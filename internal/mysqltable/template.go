package mysqltable

import (
	"fmt"
	"strings"
)

// unit is one byte of a template, or an expansion.
type unit struct {
	char byte // if code is 0
	code byte // s u d S U D 1…9
}

// template is a query or a result_format, cut into bytes and expansions.
// `%%` is the byte `%`.
type template []unit

// needs is what a query and a result_format together ask of keys and values
// (the flags of Postfix's db_common.c).
type needs struct {
	keyUser, keyDomain     bool
	valueUser, valueDomain bool
	labels                 int // highest n of %1…%9
}

// parseTemplate cuts the text. Of a query, lower case stands for the key.
func parseTemplate(text string, query bool, n *needs) (template, error) {
	var t template
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			t = append(t, unit{char: text[i]})
			continue
		}
		i++
		switch {
		case i == len(text):
			return nil, fmt.Errorf("a lone %% at the end: write %%%% for a percent sign")
		case text[i] == '%':
			t = append(t, unit{char: '%'})
		case strings.IndexByte("sudSUD123456789", text[i]) < 0:
			return nil, fmt.Errorf("unknown expansion %q: write %%%% for a percent sign, or one of %%s %%u %%d %%S %%U %%D %%1 to %%9", text[i-1:i+1])
		default:
			t = append(t, unit{code: text[i]})
			n.note(text[i], query)
		}
	}
	return t, nil
}

// note records what an expansion needs.
func (n *needs) note(code byte, query bool) {
	switch {
	case code == 'u' && !query:
		n.valueUser = true
	case code == 'd' && !query:
		n.valueDomain = true
	case code == 'u' || code == 'U':
		n.keyUser = true
	case code == 'd' || code == 'D':
		n.keyDomain = true
	case code >= '1' && code <= '9':
		n.keyDomain = true
		n.labels = max(n.labels, int(code-'0'))
	}
}

// address is a key or a value split at its last '@'.
type address struct {
	whole        string
	user, domain string
	at           bool
	labels       []string // of the domain
}

func splitAddress(s string) address {
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return address{whole: s, user: s}
	}
	return address{whole: s, user: s[:i], domain: s[i+1:], at: true}
}

// splitKey returns the parts of a lookup key and whether it has all that the
// templates need. If not, the database is not asked and the answer is "not
// found" (mysql_table(5), "query", the conditions for suppressed queries).
func (n needs) splitKey(key string) (address, bool) {
	a := splitAddress(key)
	if a.whole == "" || n.keyDomain && a.domain == "" || n.keyUser && a.at && a.user == "" {
		return a, false
	}
	if n.labels > 0 {
		a.labels = strings.FieldsFunc(a.domain, func(r rune) bool { return r == '.' })
	}
	return a, len(a.labels) >= n.labels
}

// splitValue does the same for a column of the answer.
func (n needs) splitValue(value string) (address, bool) {
	a := splitAddress(value)
	return a, !(n.valueDomain && a.domain == "" || n.valueUser && a.at && a.user == "")
}

// expand returns what an expansion stands for. In a query key and value are
// both the lookup key.
func expand(code byte, value, key address) string {
	switch code {
	case 's':
		return value.whole
	case 'u':
		return value.user
	case 'd':
		return value.domain
	case 'S':
		return key.whole
	case 'U':
		return key.user
	case 'D':
		return key.domain
	}
	return key.labels[len(key.labels)-int(code-'0')]
}

// append appends the expanded template.
func (t template) append(b []byte, value, key address) []byte {
	for _, u := range t {
		if u.code == 0 {
			b = append(b, u.char)
		} else {
			b = append(b, expand(u.code, value, key)...)
		}
	}
	return b
}
