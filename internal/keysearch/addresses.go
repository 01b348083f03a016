package keysearch

import (
	"fmt"
	"slices"
	"strings"
)

// ParseAddresses splits the value of a rewriting table into its addresses as
// Postfix's cleanup(8) would: at commas, and at blanks where no comma is;
// without comments, phrases, groups and source routes; user%domain and
// domain!user turned into user@domain (percent_hack, swap_bangpath). Each is
// in external form, ready to be a key; an address without a domain stays so,
// and Postfix would append @$myorigin. The null address is `""`. A value
// without any address is an error: Postfix defers the mail then.
func ParseAddresses(value string) ([]string, error) {
	if isOneAddress(value) {
		return []string{value}, nil
	}
	mailboxes := parseAddresses(value)
	if len(mailboxes) == 0 {
		return nil, fmt.Errorf("addresses: %.200q holds none", value)
	}
	addresses := make([]string, len(mailboxes))
	for i, m := range mailboxes {
		addresses[i] = m.String()
	}
	return addresses, nil
}

// isOneAddress recognizes what nearly all values are: one address of plain
// characters, of which nothing else can be made.
func isOneAddress(value string) bool {
	at := strings.IndexByte(value, '@')
	return at > 0 && isDotted(value[:at], "-_+=") && isDotted(value[at+1:], "-")
}

// isDotted tells whether text is letters, digits and some more, with single
// dots between them.
func isDotted(text, more string) bool {
	dot := true // at the start, too, a dot must not follow
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(more, c) >= 0:
			dot = false
		case c == '.' && !dot:
			dot = true
		default:
			return false
		}
	}
	return !dot
}

// mailbox is an address in internal form.
type mailbox struct {
	local, domain string
	qualified     bool // false: there was no @, domain is empty
}

// String is the external form that is read back as the same mailbox, whatever
// stands around it in a list.
func (m mailbox) String() string {
	local := m.local
	if !isPlain(local) {
		local = quoteString(local)
	}
	if !m.qualified {
		return local
	}
	if isLiteral(m.domain) || !strings.ContainsAny(m.domain, " \t\r\n()<>@,;:\\\"[]") {
		return local + "@" + m.domain
	}
	return local + "@" + quoteString(m.domain)
}

// isPlain tells whether text is a dot-string without the operators of other
// networks: in an address without domain, % and ! would be read as one.
func isPlain(text string) bool {
	return isDotString(text) && !strings.ContainsAny(text, "|%!")
}

// isLiteral tells whether a domain is like [192.0.2.1].
func isLiteral(domain string) bool {
	inner, open := strings.CutPrefix(domain, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	return open && closed && !strings.ContainsAny(inner, "[]\\\" \t\r\n")
}

// parseAddresses is ParseAddresses before the addresses are printed.
func parseAddresses(value string) []mailbox {
	if value == "" || value == "<>" {
		return []mailbox{{}}
	}
	var mailboxes []mailbox
	for _, tokens := range group(scan(value)) {
		mailboxes = append(mailboxes, rewrite(tokens))
	}
	return mailboxes
}

// group finds the addresses among the tokens of a list. It works from right
// to left as tok822(3) does, since only what follows tells a phrase from an
// address: between right and the token looked at lies what may become one.
func group(tokens []token) [][]token {
	g := grouper{tokens: tokens, right: len(tokens), wordOK: true}
	for g.at = len(tokens) - 1; g.at >= 0; {
		g.step(tokens[g.at])
	}
	g.cut(-1)
	slices.Reverse(g.groups)
	return g.groups
}

type grouper struct {
	tokens    []token
	groups    [][]token // from the last to the first
	at, right int
	wordOK    bool // a word here belongs to the address on its right
	inGroup   bool // "name: … ;" has begun, at its end
}

// cut makes an address of what lies between left and right, if anything.
func (g *grouper) cut(left int) {
	if left+1 < g.right {
		g.groups = append(g.groups, g.tokens[left+1:g.right])
	}
	g.right = left
}

// skip goes left to a token of one of the kinds, which ends a phrase.
func (g *grouper) skip(kinds string) {
	for g.at >= 0 && strings.IndexByte(kinds, byte(g.tokens[g.at].kind)) < 0 {
		g.at--
	}
}

func (g *grouper) step(t token) {
	switch {
	case t.kind == ';':
		g.cut(g.at)
		g.inGroup, g.wordOK = true, true
	case t.kind == ':' && g.inGroup:
		g.cut(g.at)
		g.skip(",")
		g.right = g.at
		return
	case t.kind == '>':
		g.cut(g.at)
		g.skip("<")
		g.cut(g.at)
		g.skip(">;,:")
		g.right = g.at
		g.wordOK = true
		return
	case t.isWord():
		if !g.wordOK {
			g.cut(g.at)
			g.right = g.at + 1
		}
		g.wordOK = false
	case t.kind == ',':
		g.cut(g.at)
		g.wordOK = true
	default:
		g.wordOK = true
	}
	g.at--
}

// rewrite brings the tokens of one address into standard form, as
// trivial-rewrite(8) does; what depends on its configuration (@$myorigin,
// .$mydomain) is left to it.
func rewrite(tokens []token) mailbox {
	if len(tokens) == 1 && tokens[0].kind == '@' {
		return mailbox{}
	}
	tokens = slices.DeleteFunc(slices.Clone(tokens), func(t token) bool {
		return t.kind == atom && t.text == "" // a backslash at the end of the value
	})
	if len(tokens) == 0 {
		return mailbox{}
	}
	tokens, ok := addDomain(stripRoute(tokens))
	if ok {
		return qualified(join(stripDot(tokens)))
	}
	local := join(slices.Concat(tokens, []token{{'@', "@"}})) // as if @$myorigin followed
	return mailbox{local: local[:len(local)-1]}
}

// addDomain turns domain!user and user%domain into user@domain; false: there
// is no domain to be had.
func addDomain(tokens []token) ([]token, bool) {
	at := []token{{'@', "@"}}
	if indexKind(tokens, '@') >= 0 {
		return tokens, true
	}
	if bang := indexKind(tokens, '!'); bang >= 0 {
		return slices.Concat(tokens[bang+1:], at, tokens[:bang]), true
	}
	for i, t := range slices.Backward(tokens) {
		if t.kind == '%' {
			return slices.Concat(tokens[:i], at, tokens[i+1:]), true
		}
	}
	return tokens, false
}

// stripDot drops the dot at the end of a domain, unless it is all there is.
func stripDot(tokens []token) []token {
	end := len(tokens) - 1
	if end < 1 || tokens[end].kind != '.' || tokens[end-1].kind == '.' || tokens[end-1].kind == '@' {
		return tokens
	}
	return tokens[:end]
}

// qualified splits at the last @, wherever it came from.
func qualified(address string) mailbox {
	at := strings.LastIndexByte(address, '@')
	return mailbox{address[:at], address[at+1:], true}
}

// stripRoute drops what a source route (@a,@b:user@c) has before the colon.
func stripRoute(tokens []token) []token {
	if tokens[0].kind != '@' {
		return tokens
	}
	if colon := indexKind(tokens, ':'); colon >= 0 && colon < len(tokens)-1 {
		return tokens[colon+1:]
	}
	return tokens
}

func indexKind(tokens []token, kind tokenKind) int {
	return slices.IndexFunc(tokens, func(t token) bool { return t.kind == kind })
}
