package milter

import (
	"fmt"
	"strings"
)

// internal turns an address as Postfix shows it to a milter, which is as the
// client wrote it, into Postfix's internal form: without brackets, source
// route, quotes and backslashes. ok is false where Postfix may read something
// else than we do: comments, stray brackets, control characters.
func internal(shown string) (address string, ok bool) {
	shown = strings.TrimSpace(shown)
	if rest, bracketed := strings.CutPrefix(shown, "<"); bracketed {
		if shown, ok = strings.CutSuffix(rest, ">"); !ok {
			return "", false
		}
	}
	if strings.HasPrefix(shown, "@") {
		if _, rest, route := strings.Cut(shown, ":"); route {
			shown = rest
		}
	}
	return unquoted(shown)
}

// unquoted removes quotes, and the backslashes within them.
func unquoted(text string) (string, bool) {
	plain := make([]byte, 0, len(text))
	inside := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case isControl(rune(c)):
			return "", false
		case c == '"':
			inside = !inside
			continue
		case inside && c == '\\' && i+1 < len(text):
			i++
			if c = text[i]; isControl(rune(c)) {
				return "", false
			}
		case !inside && strings.IndexByte(`()<>,\`, c) >= 0:
			return "", false
		}
		plain = append(plain, c)
	}
	return string(plain), !inside
}

// external is the form that Postfix takes from a milter: the local part quoted
// where it must be, without brackets. An address that could be read as
// something else is an error.
func external(address string) (string, error) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return "", fmt.Errorf("address %s: want local@domain", shorten(address))
	}
	local, domain := address[:at], address[at+1:]
	if strings.ContainsFunc(local, isControl) || strings.ContainsFunc(domain, notInDomain) {
		return "", fmt.Errorf("address %s: want printable characters, and none of blank \"(),;<>\\ in the domain", shorten(address))
	}
	return quoted(local) + "@" + domain, nil
}

// quoted is a local part in quotes, if it needs them.
func quoted(local string) string {
	if isDotString(local) {
		return local
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(local) + `"`
}

// isDotString is RFC 5321's Dot-string with RFC 6531's characters.
func isDotString(local string) bool {
	if local == "" || local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, "..") {
		return false
	}
	return !strings.ContainsAny(local, " \"(),:;<>@[\\]")
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func notInDomain(r rune) bool {
	return isControl(r) || strings.ContainsRune(" \"(),;<>\\", r)
}

// most is how many bytes of an address, or other text of a peer, are logged.
const most = 200

// clipped bounds text for an attribute of the log, whose handler escapes it.
func clipped(text string) string {
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}

// shorten bounds and escapes text for an error.
func shorten(text string) string {
	return fmt.Sprintf("%q", clipped(text))
}
