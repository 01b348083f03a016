package limit

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"postern/policyd/counter"
)

// subjectOf says in a reply whose mail is limited. It never has the value: where
// an alias leads is nobody's business.
func subjectOf(keys []Key) string {
	words := make([]string, 0, len(keys))
	for _, key := range keys {
		words = append(words, subject(key.name))
	}
	return strings.Join(words, " ")
}

func subject(key string) string {
	switch key {
	case "client_address":
		return "from this client"
	case "client_name", "reverse_client_name":
		return "from this client name"
	case "helo_name":
		return "from this HELO name"
	case "sender":
		return "from this sender"
	case keySenderDomain:
		return "from this sender domain"
	case "sasl_username":
		return "from this login"
	case "recipient", keyAliasOwner:
		return "to this recipient"
	case keyRecipientDomain:
		return "to this recipient domain"
	}
	return "with this " + key
}

// reached is the sentence before "try again in …".
func (r *rule) reached(w counter.Window) string {
	if w.N == 0 {
		return "no mail " + r.subject + " is accepted"
	}
	return "limit of " + r.quantity(w) + " " + r.subject + " reached"
}

// tooMuch is the sentence for what is above the whole limit.
func (r *rule) tooMuch(w counter.Window, o *counter.Outcome) string {
	advice := "send to fewer recipients at once"
	if r.Count == Bytes {
		advice = "send a smaller message"
	}
	if w.N == 0 {
		return r.reached(w)
	}
	return amount(o.Cost, r.noun()) + " at once are above the limit of " + r.quantity(w) + " " + r.subject + ", " + advice
}

// reason is the same for the log, with the figures.
func (r *rule) reason(reached string, o *counter.Outcome) string {
	if o.Never {
		return fmt.Sprintf("%s: costs %d, which is above the limit itself", reached, o.Cost)
	}
	return fmt.Sprintf("%s: costs %d, %d left, fits in %v", reached, o.Cost, o.Remaining, o.Retry.Round(time.Second))
}

// quantity is a window in words: 60 messages per minute.
func (r *rule) quantity(w counter.Window) string {
	return amount(w.N, r.noun()) + " per " + period(w.Per)
}

// noun is what the rule counts.
func (r *rule) noun() string {
	if r.Recipients == AnyRecipients {
		return string(r.Count)
	}
	if r.Count == Recipients {
		return r.Recipients + " recipients"
	}
	return string(r.Count) + " to " + r.Recipients + " recipients"
}

// amount is a number of things, and of bytes in the largest unit without a rest.
func amount(n int64, noun string) string {
	if noun == string(Bytes) {
		for _, unit := range []struct {
			name   string
			factor int64
		}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
			if n >= unit.factor && n%unit.factor == 0 {
				return strconv.FormatInt(n/unit.factor, 10) + " " + unit.name
			}
		}
	}
	if n == 1 {
		noun = singular(noun)
	}
	return strconv.FormatInt(n, 10) + " " + noun
}

func singular(noun string) string {
	first, rest, _ := strings.Cut(noun, " ")
	if rest == string(Recipients) {
		return first + " recipient"
	}
	return strings.TrimSpace(strings.TrimSuffix(first, "s") + " " + rest)
}

// period is a window's length in its largest unit: minute, 2 hours, week.
func period(d time.Duration) string {
	for _, unit := range units() {
		if d >= unit.length && d%unit.length == 0 {
			if n := d / unit.length; n > 1 {
				return fmt.Sprintf("%d %ss", n, unit.name)
			}
			return unit.name
		}
	}
	return d.String()
}

type unit struct {
	name   string
	length time.Duration
}

func units() []unit {
	const day = 24 * time.Hour
	return []unit{{"week", 7 * day}, {"day", day}, {"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}}
}

// laterText ends a sentence with the time to come again, rounded up.
func laterText(wait time.Duration) string {
	if wait <= 0 {
		return ""
	}
	return ", try again in " + wholeUnits(wait)
}

// wholeUnits is a time rounded up to what people wait for.
func wholeUnits(d time.Duration) string {
	length, name := 24*time.Hour, "day"
	switch {
	case d <= 59*time.Second:
		length, name = time.Second, "second"
	case d <= 59*time.Minute:
		length, name = time.Minute, "minute"
	case d <= 47*time.Hour:
		length, name = time.Hour, "hour"
	}
	n := int64(d / length)
	if d%length > 0 {
		n++
	}
	if n != 1 {
		name += "s"
	}
	return strconv.FormatInt(n, 10) + " " + name
}
