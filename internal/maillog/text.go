package maillog

import (
	"strconv"
	"strings"
)

// read fills e from what stands behind the program's name; false if it is no
// event.
func (e *Event) read(text string) bool {
	id, text, ok := strings.Cut(text, ": ")
	switch {
	case !ok:
		return false
	case id == "NOQUEUE":
		return e.reject(text)
	case !IsQueueID(id):
		return false
	}
	e.QueueID = id
	switch text {
	case "removed":
		e.Kind = Removed
		return true
	case "placed on hold":
		e.Kind = Held
		return true
	case "released from hold":
		e.Kind = Released
		return true
	}
	key, value, _ := strings.Cut(text, "=")
	switch key {
	case "client":
		return e.accepted(value)
	case "uid":
		return e.pickedUp(value)
	case "message-id":
		e.Kind, e.MessageID = Named, value
		return true
	case "from":
		return e.queued(value)
	case "to":
		return e.delivery(value)
	}
	switch {
	case strings.HasPrefix(text, "hold: "):
		e.Kind = Held
		return true
	case strings.HasPrefix(text, "reject: "):
		return e.reject(text)
	}
	return false
}

// accepted reads NAME[ADDRESS], sasl_method=…, sasl_username=…, in the order
// in which smtpd(8) writes them.
func (e *Event) accepted(text string) bool {
	e.Kind = Accepted
	e.Client, text, _ = strings.Cut(text, ", ")
	if rest, ok := strings.CutPrefix(text, "sasl_method="); ok {
		e.SASLMethod, text, _ = strings.Cut(rest, ", ")
	}
	if rest, ok := strings.CutPrefix(text, "sasl_username="); ok {
		e.SASLUsername, text = until(rest, ", sasl_sender=", ", orig_queue_id=", ", orig_client=")
	}
	if _, rest, ok := strings.Cut(text, "orig_queue_id="); ok {
		if id, _, _ := strings.Cut(rest, ","); IsQueueID(id) {
			e.OrigID = id
		}
	}
	return e.Client != ""
}

// until cuts text where the first of the marks stands; the mark stays in rest.
func until(text string, marks ...string) (before, rest string) {
	end := len(text)
	for _, mark := range marks {
		if at := strings.Index(text, mark); at >= 0 && at < end {
			end = at
		}
	}
	return text[:end], text[end:]
}

// pickedUp reads UID from=<SENDER>.
func (e *Event) pickedUp(text string) bool {
	_, text, ok := strings.Cut(text, " from=")
	if !ok {
		return false
	}
	e.Kind = PickedUp
	e.From, _, ok = bracketed(text)
	return ok
}

// queued reads <SENDER>, size=…, nrcpt=… (queue active).
func (e *Event) queued(text string) bool {
	var ok bool
	if e.From, text, ok = bracketed(text); !ok {
		return false
	}
	rest, ok := strings.CutPrefix(text, ", size=")
	if !ok {
		return false
	}
	e.Kind = Queued
	size, rest, _ := strings.Cut(rest, ", nrcpt=")
	count, _, _ := strings.Cut(rest, " ")
	e.Size, _ = strconv.ParseInt(size, 10, 64) // a number that is none is 0
	e.Recipients, _ = strconv.Atoi(count)
	return true
}

// delivery reads <RECIPIENT>, orig_to=<…>, relay=…, …, dsn=…, status=… (REPLY).
func (e *Event) delivery(text string) bool {
	var ok bool
	if e.To, text, ok = bracketed(text); !ok {
		return false
	}
	if rest, has := strings.CutPrefix(text, ", orig_to="); has {
		if e.OrigTo, text, ok = bracketed(rest); !ok {
			return false
		}
	}
	text, reply, _ := strings.Cut(text, " (")
	e.Reason = strings.TrimSuffix(reply, ")")
	for field := range strings.SplitSeq(text, ", ") {
		switch key, value, _ := strings.Cut(field, "="); key {
		case "relay":
			e.Relay = value
		case "dsn":
			e.DSN = value
		case "status":
			e.Status = value
		}
	}
	e.Kind = Delivery
	return e.Status != ""
}

// reject reads reject: RCPT from CLIENT: REPLY; from=<…> to=<…> proto=….
func (e *Event) reject(text string) bool {
	text, ok := strings.CutPrefix(text, "reject: RCPT from ")
	if !ok {
		return false
	}
	at := strings.LastIndex(text, "; from=<")
	if at < 0 {
		return false
	}
	e.Client, e.Reason, _ = strings.Cut(text[:at], ": ")
	rest := text[at+len("; from="):]
	if e.From, rest, ok = bracketed(rest); !ok {
		return false
	}
	if rest, ok = strings.CutPrefix(rest, " to="); !ok {
		return false
	}
	if e.To, rest, ok = bracketed(rest); !ok {
		return false
	}
	if _, login, has := strings.Cut(rest, " sasl_username=<"); has {
		e.SASLUsername = strings.TrimSuffix(login, ">")
	}
	e.Kind = Rejected
	return true
}

// bracketed reads <ADDRESS>. In quotes, and behind a backslash there, a ">"
// ends nothing.
func bracketed(text string) (address, rest string, ok bool) {
	if text == "" || text[0] != '<' {
		return "", "", false
	}
	quoted := false
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == '>' && !quoted:
			return text[1:i], text[i+1:], true
		}
	}
	return "", "", false
}
