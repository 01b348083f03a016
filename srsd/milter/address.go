package milter

import (
	"fmt"
	"strings"

	wire "postern/internal/milter"
)

// external is the form that Postfix takes from a milter: the local part quoted
// where it must be, without brackets. An address that could be read as
// something else is an error.
func external(address string) (string, error) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return "", fmt.Errorf("address %s: want local@domain", wire.Shorten(address))
	}
	local, domain := address[:at], address[at+1:]
	if strings.ContainsFunc(local, wire.IsControl) || strings.ContainsFunc(domain, notInDomain) {
		return "", fmt.Errorf("address %s: want printable characters, and none of blank \"(),;<>\\ in the domain", wire.Shorten(address))
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

func notInDomain(r rune) bool {
	return wire.IsControl(r) || strings.ContainsRune(" \"(),;<>\\", r)
}
