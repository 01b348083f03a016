package spf

import (
	"net/netip"
	"strings"
)

// header is what a Received-SPF header tells (RFC 7208, section 9.1).
type header struct {
	outcome
	id     identity
	sender string // as received
	host   string // of ours
}

// maxHeader bounds the header, in bytes: policyd.Prepend cuts at 900, which would
// leave a quote open.
const maxHeader = 900

// String is the header on one line of printable ASCII. A pair that would make it
// too long is left out. The sender comes from the client: all that is no atom is
// quoted.
func (h header) String() string {
	var b strings.Builder
	b.WriteString("Received-SPF: " + string(h.result) + " (" + escape(h.comment(), "()") + ")")
	sep := " "
	for _, pair := range h.pairs() {
		if pair.value == "" || pair.value == `""` {
			continue
		}
		text := sep + pair.key + "=" + pair.value
		if b.Len()+len(text) > maxHeader {
			continue
		}
		b.WriteString(text)
		sep = "; "
	}
	return b.String()
}

type pair struct{ key, value string }

// pairs are in the order of their worth.
func (h header) pairs() []pair {
	from := h.sender
	if h.id.kind == helo {
		from = "<>"
	}
	problem := ""
	if h.result == TempError || h.result == PermError {
		problem = quoted(h.why)
	}
	return []pair{
		{"identity", h.id.kind},
		{"client-ip", value(address(h.id.client))},
		{"envelope-from", quoted(from)},
		{"helo", value(h.id.helo)},
		{"receiver", value(h.host)},
		{"problem", problem},
	}
}

// comment says the result in words.
func (h header) comment() string {
	domain, client := h.id.domain, address(h.id.client)
	if domain == "" {
		return "there is no domain to ask"
	}
	switch h.result {
	case Pass:
		return domain + " designates " + client + " as permitted sender"
	case Fail:
		return domain + " does not designate " + client + " as permitted sender"
	case SoftFail:
		return domain + " discourages use of " + client + " as permitted sender"
	case Neutral:
		return domain + " neither permits nor denies " + client
	case TempError:
		return "the DNS did not answer about " + domain
	case PermError:
		return "the record of " + domain + " cannot be used"
	}
	return domain + " does not designate permitted senders"
}

// address is a client's, as text.
func address(client netip.Addr) string {
	if !client.IsValid() {
		return "unknown"
	}
	return client.String()
}

// value is a dot-atom as it is (RFC 5322, section 3.2.3), and all else quoted.
func value(s string) string {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" || strings.ContainsFunc(atom, notAtext) {
			return quoted(s)
		}
	}
	return s
}

func notAtext(r rune) bool {
	isAtext := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
	return !isAtext
}

// quoted is a quoted-string (RFC 5322, section 3.2.4).
func quoted(s string) string { return `"` + escape(s, `"`) + `"` }

// escape puts a backslash before the characters in special and before
// backslashes; what is not printable ASCII becomes a question mark.
func escape(s, special string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < ' ' || r > '~':
			r = '?'
		case r == '\\' || strings.ContainsRune(special, r):
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
