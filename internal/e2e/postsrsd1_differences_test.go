//go:build integration

package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// The places where postern is not the same as PostSRSd 1.10, on purpose. Each
// is told as what PostSRSd would have to say for postern to be right, so that
// nothing else slips through.

// isKnown reports whether a difference is one of those.
func isKnown(t *testing.T, original *rawTable, request, want, got string) bool {
	t.Helper()
	switch {
	case want == cutShort(got):
		return true
	case len(request) == fullBuffer:
		return want == "500 Invalid request\n(closed)"
	case bareTag.MatchString(request):
		return strings.HasPrefix(want, "500 ") && (got == "500 Not an SRS address.\n" || got == "500 No at sign in sender address\n")
	}
	translated, ok := otherAlphabet(request)
	return ok && original.ask(t, translated) == got
}

// fullBuffer is a request line of 1,023 bytes with its LF. PostSRSd 1.10 as it
// was released takes it, Debian's patch for CVE-2021-35525 does not.
const fullBuffer = 1023

// bareTag are requests for what ends where an SRS address would have its
// separator. The original takes the NUL for one and reads on behind it, in what
// an earlier request has left there: its answer is chance.
var bareTag = regexp.MustCompile(`^ *get[ \r]\r*(?i:%73|s)(?i:%72|r)(?i:%73|s)([01]|%3[01])?(\x00|%00|\r|\n)`)

// cutShort is what the original makes of a reply that is too long for it: it
// quotes into a buffer of 1,024 bytes and sends what fits. That is a wrong
// address, and postern sends the whole one.
func cutShort(reply string) string {
	value, found := strings.CutPrefix(reply, "200 ")
	if !found {
		return reply
	}
	var fits strings.Builder
	for left := 1023; value != "\n" && left > 0; left-- {
		size := 1
		if value[0] == '%' {
			size = 3
			if left <= 2 {
				break
			}
			left -= 2
		}
		fits.WriteString(value[:size])
		value = value[size:]
	}
	return "200 " + fits.String() + "\n"
}

var hashField = regexp.MustCompile(`(?i)(SRS[01](?:[-+=]|%3d|%2b|%2d))([^=]*)=`)

// otherAlphabet is the request with the - and _ of its hash written + and /.
// PostSRSd writes hashes in the former alphabet from 2.2.6 on and in the latter
// before, and 1.10 reads the latter only. Postern reads both, so that a domain
// can move from one to the other.
func otherAlphabet(request string) (string, bool) {
	at := hashField.FindStringSubmatchIndex(request)
	if at == nil {
		return "", false
	}
	hash := strings.NewReplacer("-", "+", "_", "/", "%5f", "/", "%5F", "/", "%2d", "+", "%2D", "+").Replace(request[at[4]:at[5]])
	return request[:at[4]] + hash + request[at[5]:], hash != request[at[4]:at[5]]
}

// TestKnownDifferences: they are there, or they need no exception.
func TestKnownDifferences(t *testing.T) {
	original, ours := startSRSTwins(t, "", "tops3cr3t\n")
	long := "get " + strings.Repeat("\xff", 400) + "@example.com\n"
	want, got := original.forward.ask(t, long), ours.forward.ask(t, long)
	if got != "200 "+strings.Repeat("%ff", 400)+"@example.com\n" || len(want) >= len(got) {
		t.Errorf("a long value: original %q, ours %q", want, got)
	}
	for i := range 1000 { // until a hash has a character that is in one alphabet only: one in ten has
		user := fmt.Sprint("user", i)
		there := value(original.forward.ask(t, get(user+"@example.net")))
		hash, rest, _ := strings.Cut(strings.TrimPrefix(there, "SRS0="), "=")
		modern := strings.NewReplacer("+", "-", "/", "_").Replace(hash)
		if modern == hash {
			continue
		}
		address := "SRS0=" + modern + "=" + rest
		if reply := original.reverse.ask(t, get(address)); reply != "500 Hash invalid in SRS address.\n" {
			t.Errorf("original: %q", reply)
		}
		if back := value(ours.reverse.ask(t, get(address))); back != user+"@example.net" {
			t.Errorf("ours: %q", back)
		}
		return
	}
	t.Error("no hash with a + or a /")
}
