package daemon

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mailAddress finds addresses in a text of the log: a local part, which may be
// quoted, escaped quotes included, and a domain. Of key=user@example.org the key
// is no part, so of an SRS address the last field is what is found.
var mailAddress = regexp.MustCompile(`(\\*"[^"]{1,200}"|[^\s<>"'(),;:=\\\[\]{}]+)@([\p{L}\p{N}_](?:[\p{L}\p{N}._-]*[\p{L}\p{N}_])?|\[[0-9A-Fa-f:.IPv]+\])`)

// MaskAddresses leaves of each mail address in a text the first letter and the
// domain: j***@example.org. Two people may look alike.
func MaskAddresses(text string) string {
	return replaceAddresses(text, func(local, domain string) string {
		first, size := utf8.DecodeRuneInString(local)
		if len(local) == size || first == '"' || first == '\\' {
			return "***@" + domain
		}
		return string(first) + "***@" + domain
	})
}

// MaskField is MaskAddresses for the text of one attribute of a line: of a sender,
// a recipient and a login nothing is left but the first letter and the domain,
// however they are written.
func MaskField(field, text string) string { return hidden(field, text, MaskAddresses) }

// HashAddresses replaces each mail address in a text by a word that is the same
// for the same address, in whatever case it is written, wherever the same key is
// used. Without the key nobody can tell which address it was, nor try.
func HashAddresses(key []byte) func(text string) string {
	return func(text string) string {
		return replaceAddresses(text, func(local, domain string) string {
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

// hideField hides what is known to be an address or a login, however it is
// written: a local part may hold what mailAddress takes for its end, the domain
// may be missing, or cut off.
func hideField(text string, hide func(string) string) string {
	local, domain := text, ""
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		local, domain = text[:at], text[at+1:]
	}
	if local == "" || isSRS(local) && strings.Contains(text, "@") {
		return hide(text)
	}
	local = strings.Map(plainLocal, local)
	if domain != "" {
		if hidden := hide(local + "@" + domain); hidden != local+"@"+domain {
			return hidden
		}
	}
	return strings.TrimSuffix(hide(local+"@"+noDomain), "@"+noDomain)
}

// noDomain stands for that of a login or of an address that has none.
const noDomain = "none.invalid"

// plainLocal replaces what a local part in quotes may hold.
func plainLocal(r rune) rune {
	if unicode.IsPrint(r) && !strings.ContainsRune(" <>\"'(),;:=\\[]{}@", r) {
		return r
	}
	return '_'
}

// isSRS reports a local part of SRS. Its last field is what is hidden: the rest
// is public, and what postmasters grep for.
func isSRS(local string) bool {
	return len(local) > 5 && (strings.EqualFold(local[:4], "SRS0") || strings.EqualFold(local[:4], "SRS1")) && strings.IndexByte("=+-", local[4]) >= 0
}
