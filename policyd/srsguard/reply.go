package srsguard

import (
	"fmt"
	"strconv"
	"strings"
)

// split takes a refusal of the map srs-recipients apart: "550 5.1.1 reason", as
// access(5) has it. Anything else, a reply for now included, is trouble of the
// map: it may be another map, or of another release.
func split(reply string) (code int, status, text string, err error) {
	number, rest, _ := strings.Cut(reply, " ")
	status, text, _ = strings.Cut(rest, " ")
	code, err = strconv.Atoi(number)
	if err != nil || len(number) != 3 || code < 500 || code > 599 || !isStatus(status, number[0]) || text == "" {
		return 0, "", "", fmt.Errorf("srs: the map srs-recipients says %.100q: want OK, or a reply like 550 5.1.1 and a reason", reply)
	}
	return code, status, text, nil
}

// isStatus reports an enhanced status code (RFC 3463) of a class.
func isStatus(s string, class byte) bool {
	parts := strings.Split(s, ".")
	if len(parts) != 3 || parts[0] != string(class) {
		return false
	}
	for _, part := range parts {
		if n, err := strconv.ParseUint(part, 10, 16); err != nil || n > 999 {
			return false
		}
	}
	return true
}
