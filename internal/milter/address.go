package milter

import "strings"

// Internal turns an address as Postfix shows it to a milter, which is as the
// client wrote it, into Postfix's internal form: without brackets, source
// route, quotes and backslashes. ok is false where Postfix may read something
// else than we do: comments, stray brackets, control characters.
func Internal(shown string) (address string, ok bool) {
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
		case IsControl(rune(c)):
			return "", false
		case c == '"':
			inside = !inside
			continue
		case inside && c == '\\' && i+1 < len(text):
			i++
			if c = text[i]; IsControl(rune(c)) {
				return "", false
			}
		case !inside && strings.IndexByte(`()<>,\`, c) >= 0:
			return "", false
		}
		plain = append(plain, c)
	}
	return string(plain), !inside
}
