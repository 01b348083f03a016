package daemon

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// mailAddress finds addresses in a line of the log: a local part, which may be
// quoted, escaped quotes included, and a domain. Of key=user@example.org the key
// is no part, so of an SRS address the last field is what is found.
var mailAddress = regexp.MustCompile(`(\\*"[^"]{1,200}"|[^\s<>"'(),;:=\\\[\]{}]+)@([\p{L}\p{N}_](?:[\p{L}\p{N}._-]*[\p{L}\p{N}_])?|\[[0-9A-Fa-f:.IPv]+\])`)

// MaskAddresses leaves of each mail address in a line the first letter and the
// domain: j***@example.org. Two people may look alike.
func MaskAddresses(line string) string {
	return replaceAddresses(line, func(local, domain string) string {
		first, size := utf8.DecodeRuneInString(local)
		if len(local) == size || first == '"' || first == '\\' {
			return "***@" + domain
		}
		return string(first) + "***@" + domain
	})
}

// HashAddresses replaces each mail address in a line by a word that is the same
// for the same address, in whatever case it is written, wherever the same key is
// used. Without the key nobody can tell which address it was, nor try.
func HashAddresses(key []byte) func(line string) string {
	return func(line string) string {
		return replaceAddresses(line, func(local, domain string) string {
			sum := hmac.New(sha256.New, key)
			io.WriteString(sum, strings.ToLower(local+"@"+domain))
			return "address-" + hex.EncodeToString(sum.Sum(nil)[:6])
		})
	}
}

func replaceAddresses(line string, hidden func(local, domain string) string) string {
	if !strings.Contains(line, "@") {
		return line
	}
	return mailAddress.ReplaceAllStringFunc(line, func(found string) string {
		at := strings.LastIndexByte(found, '@')
		return hidden(found[:at], found[at+1:])
	})
}

// hidingWriter changes each line before it is written.
type hidingWriter struct {
	io.Writer
	hide func(string) string
}

// Write takes one line, as the handlers of slog write it.
func (w hidingWriter) Write(line []byte) (int, error) {
	if _, err := io.WriteString(w.Writer, w.hide(string(line))); err != nil {
		return 0, err
	}
	return len(line), nil
}
