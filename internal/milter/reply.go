package milter

import (
	"fmt"
	"strings"

	gomilter "github.com/emersion/go-milter"
)

// maxReply keeps a reply within the 512 bytes of a line (RFC 5321, section
// 4.5.3.1.5), with room for what Postfix adds.
const maxReply = 400

// defaultReply is what Postfix sends for a plain reject.
const defaultReply = "550 5.7.1 Command rejected"

// Reply checks that text is a refusal of one line that Postfix takes from a
// milter; it would drop the milter for the session otherwise. What cannot be
// sent to a client is replaced, and with an error all of it.
func Reply(text string) (string, error) {
	if len(text) < 5 || text[0] != '4' && text[0] != '5' || !isDigit(text[1]) || !isDigit(text[2]) || text[3] != ' ' ||
		isDigit(text[4]) && text[4] != text[0] {
		return defaultReply, fmt.Errorf("reply %s: want a code from 400 to 599, a blank and text", Shorten(text))
	}
	plain := []byte(text[:min(len(text), maxReply)])
	for i, c := range plain {
		if c < ' ' || c > '~' {
			plain[i] = '?'
		}
	}
	return string(plain), nil
}

// Refusal answers with a reply of [Reply]. Postfix halves percent signs.
func Refusal(reply string) gomilter.Response {
	return gomilter.NewResponseStr(byte(gomilter.ActReplyCode), strings.ReplaceAll(reply, "%", "%%"))
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
