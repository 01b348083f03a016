package fromguard

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// field is one header that is held to the login's addresses.
type field struct {
	header Header
	name   string // as the message has it
	value  string
}

// headers are what a message says of who sends it.
type headers struct {
	fields []field
	faults map[Header]error // of what cannot be judged, the first of each
}

const (
	// maxFields is how many fields are kept: From, Sender and Reply-To once,
	// and the Resent ones of a message that went through many hands.
	maxFields = 20

	// maxValue bounds a field, in bytes.
	maxValue = 16 << 10
)

// heldTo tells the names of headers that are kept, in lower case.
func heldTo(name string) (h Header, once, held bool) {
	switch strings.ToLower(name) {
	case "from":
		return From, true, true
	case "sender":
		return Sender, true, true
	case "reply-to":
		return ReplyTo, true, true
	case "resent-from", "resent-sender":
		return Sender, false, true
	}
	return "", false, false
}

// add takes one header of the message. What is at fault is not kept.
func (h *headers) add(name, value string) {
	name = strings.TrimSpace(name)
	if at, hidden := hides(value); hidden {
		h.fail(at, errors.New("a header hides behind a control character: take that out"))
	}
	at, once, held := heldTo(name)
	switch {
	case !held:
	case len(value) > maxValue:
		h.fail(at, fmt.Errorf("longer than %d bytes: write it shorter", maxValue))
	case once && h.has(name):
		h.fail(at, errors.New("it stands there twice: write it once"))
	case len(h.fields) == maxFields:
		h.fail(at, fmt.Errorf("more than %d such headers: write fewer", maxFields))
	default:
		h.fields = append(h.fields, field{at, strings.Clone(name), strings.Clone(value)})
	}
}

// fail notes what cannot be judged.
func (h *headers) fail(at Header, err error) {
	if h.faults == nil {
		h.faults = map[Header]error{}
	}
	if h.faults[at] == nil {
		h.faults[at] = err
	}
}

func (h *headers) has(name string) bool {
	for _, f := range h.fields {
		if strings.EqualFold(f.name, name) {
			return true
		}
	}
	return false
}

// hides finds a header that begins where only some readers see a line begin:
// behind a bare carriage return, say.
func hides(value string) (h Header, found bool) {
	if !strings.ContainsFunc(value, isHiddenBreak) {
		return "", false
	}
	for i, piece := range strings.FieldsFunc("x"+value, isHiddenBreak) {
		name, _, colon := strings.Cut(strings.TrimLeftFunc(piece, unicode.IsSpace), ":")
		if h, _, held := heldTo(strings.TrimSpace(name)); i > 0 && colon && held {
			return h, true
		}
	}
	return "", false
}

func isHiddenBreak(r rune) bool { return r != '\n' && isBreak(r) }
