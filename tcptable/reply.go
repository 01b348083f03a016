package tcptable

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"postern/internal/lookup"
	"postern/internal/turn"
)

// The first words of a reply.
const (
	codeFound    = "200"
	codeNotFound = "500"
	codeTrouble  = "400"
)

// noReason is the text of a 500 where the map has given none.
const noReason = "not found"

// lastWord is the reply to a request whose map does not return.
const lastWord = "400 the map did not answer within its time\n"

// outcome is a reply and its name among the metrics.
type outcome struct{ code, text, result string }

// judge turns the answer of a map into a reply, such that Postfix understands
// what the map meant. A raw value need not be UTF-8.
func judge(value string, found bool, err error, limit int, raw bool) outcome {
	switch {
	case err != nil:
		return outcome{codeTrouble, turn.Reason(err.Error()), trouble(err)}
	case !found && value != "":
		return outcome{codeNotFound, turn.Reason(value), lookup.ResultNotFound}
	case value == "":
		return outcome{codeNotFound, noReason, lookup.ResultNotFound}
	case strings.IndexByte(value, 0) >= 0:
		return outcome{codeTrouble, "value contains a NUL", lookup.ResultPerm}
	case !raw && !utf8.ValidString(value):
		return outcome{codeTrouble, "value is not valid UTF-8", lookup.ResultPerm}
	}
	if n := lineLen(value, limit); n > limit {
		return outcome{codeTrouble, fmt.Sprintf("a reply of %d bytes is over the limit of %d", n, limit), lookup.ResultTemp}
	}
	return outcome{codeFound, value, lookup.ResultFound}
}

// lineLen is the length of a reply line that may be over limit. Quoting makes
// three bytes of one at most, so a short value need not be measured.
func lineLen(value string, limit int) int {
	const rest = len(codeFound + " \n")
	if most := rest + 3*len(value); most <= limit {
		return most
	}
	return rest + quotedLen(value)
}

func trouble(err error) string {
	switch {
	case lookup.IsPermanent(err):
		return lookup.ResultPerm
	case errors.Is(err, context.DeadlineExceeded):
		return lookup.ResultTimeout
	}
	return lookup.ResultTemp
}

// writeReply writes a reply line. Spaces are quoted in values only.
func (h *Handler) writeReply(w *bufio.Writer, code, text string) error {
	hex := upperHex
	if h.LowerHex {
		hex = lowerHex
	}
	line := append(w.AvailableBuffer(), code...)
	line = append(line, ' ')
	line = appendQuoted(line, text, code != codeFound, hex)
	line = append(line, '\n')
	_, err := w.Write(line)
	return err
}
