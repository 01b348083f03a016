package socketmap

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"postern/internal/lookup"
	"postern/internal/turn"
)

// status is the first word of a reply.
type status string

const (
	statusOK       status = "OK"
	statusNotFound status = "NOTFOUND"
	statusTemp     status = "TEMP"
	statusTimeout  status = "TIMEOUT"
	statusPerm     status = "PERM"
)

// lastWord is the framed reply to a request whose map does not return.
const lastWord = "46:TIMEOUT the map did not answer within its time,"

// result is the name of a status among the metrics.
func (s status) result() string {
	switch s {
	case statusOK:
		return lookup.ResultFound
	case statusNotFound:
		return lookup.ResultNotFound
	case statusTimeout:
		return lookup.ResultTimeout
	case statusPerm:
		return lookup.ResultPerm
	}
	return lookup.ResultTemp
}

// outcome turns the answer of a map into a status and its text, such that
// Postfix understands what the map meant. A raw value need not be UTF-8.
func outcome(value string, found bool, err error, limit int, raw bool) (status, string) {
	switch {
	case err != nil:
		return trouble(err), turn.Reason(err.Error())
	case !found:
		return statusNotFound, turn.Reason(value)
	case value == "":
		return statusNotFound, ""
	case len(statusOK)+1+len(value) > limit:
		return statusTemp, fmt.Sprintf("value of %d bytes is over the reply limit of %d", len(value), limit)
	case strings.IndexByte(value, 0) >= 0:
		return statusPerm, "value contains a NUL"
	case !raw && !utf8.ValidString(value):
		return statusPerm, "value is not valid UTF-8"
	}
	return statusOK, value
}

func trouble(err error) status {
	switch {
	case lookup.IsPermanent(err):
		return statusPerm
	case errors.Is(err, context.DeadlineExceeded):
		return statusTimeout
	}
	return statusTemp
}

// writeReply writes the netstring of status, space and text.
func writeReply(w *bufio.Writer, s status, text string) error {
	head := strconv.AppendInt(w.AvailableBuffer(), int64(len(s)+1+len(text)), 10)
	head = append(head, ':')
	head = append(head, s...)
	head = append(head, ' ')
	if _, err := w.Write(head); err != nil {
		return err
	}
	if _, err := w.WriteString(text); err != nil {
		return err
	}
	return w.WriteByte(',')
}
