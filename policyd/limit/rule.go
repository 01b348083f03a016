package limit

import (
	"fmt"
	"slices"
	"strings"

	"postern/internal/lookup"
	"postern/policyd"
	"postern/policyd/counter"
)

// Count is what a rule adds up.
type Count string

// What can be counted.
const (
	Messages   Count = "messages"
	Recipients Count = "recipients"
	Bytes      Count = "bytes"
)

// Action is what becomes of mail that is over a limit.
type Action string

// The actions of a rule.
const (
	Defer   Action = "defer"   // 450: the client comes again
	Reject  Action = "reject"  // 554
	Hold    Action = "hold"    // into the hold queue
	Prepend Action = "prepend" // a header before the message
	Discard Action = "discard" // taken and thrown away
)

// Which recipients a rule counts.
const (
	AnyRecipients     = "any"
	KnownRecipients   = "known"   // at a hosted domain, and the address exists
	UnknownRecipients = "unknown" // at a hosted domain, and the address does not exist
)

// Rule is one limit, or several windows on the same count.
type Rule struct {
	Name    string           // in logs, metrics and the store: another name begins to count anew
	Keys    []Key            // one, or a pair
	Count   Count            // "": Messages
	Windows []counter.Window // all must have room
	Action  Action           // "": Defer

	// Text takes the place of the sentence before "try again in …"; with
	// Prepend it is the whole header.
	Text string

	Exempt     Exemption
	IPv4Bits   int // of client_address that are one client; 0: 32
	IPv6Bits   int // 0: 64
	Mode       policyd.Mode
	Fail       policyd.Fail
	Scope      policyd.Scope
	Recipients string // "": AnyRecipients

	// Limits has limits of one key or its domain, in place of Windows; see the
	// package comment. Nil: there are none.
	Limits lookup.Map
}

// Exemption says what a rule does not count.
type Exemption struct {
	Clients policyd.Networks
	Logins  policyd.Logins // empty: none

	// Keys are values of the key, or of either part of a pair. @DOMAIN is all
	// addresses there and the domain itself; a network is for client_address.
	Keys []string
}

// rule is a Rule, compiled.
type rule struct {
	Rule
	soft    bool // it never refuses
	shadow  bool
	subject string // "from this client"
	exempt  exemption
	metrics ruleMetrics
	warned  throttle
}

// compile fills in defaults and refuses what can never work.
func (o *Options) compile(r Rule) (*rule, error) {
	r.Count = either(r.Count, Messages)
	r.Action = either(r.Action, Defer)
	r.Mode = either(r.Mode, policyd.Enforce)
	r.Recipients = either(r.Recipients, AnyRecipients)
	r.IPv4Bits = either(r.IPv4Bits, 32)
	r.IPv6Bits = either(r.IPv6Bits, 64)
	for _, valid := range []func() error{
		func() error { return checkName(r.Name) },
		func() error { return checkText(r.Text, r.Action) },
		func() error { return checkKeys(r.Keys) },
		func() error { return checkWindows(r.Windows) },
		func() error { return o.sources(r) },
		r.words, r.bits, r.stages,
	} {
		if err := valid(); err != nil {
			return nil, err
		}
	}
	exempt, err := compileExemption(r)
	if err != nil {
		return nil, fmt.Errorf("exemption: %w", err)
	}
	shadow := r.Mode == policyd.Shadow
	return &rule{
		Rule: r, exempt: exempt, subject: subjectOf(r.Keys), shadow: shadow,
		soft:    shadow || r.Action == Hold || r.Action == Prepend,
		metrics: o.Metrics.rule(r.Name, r.Keys),
	}, nil
}

// either is v, or what v stands for where it is not set.
func either[T comparable](v, unset T) T {
	var zero T
	if v == zero {
		return unset
	}
	return v
}

func checkName(name string) error {
	plain := strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == ""
	if name == "" || len(name) > 64 || !plain {
		return fmt.Errorf("%.100q is no name: it stands in logs, metrics and headers, so write up to 64 letters, digits, dots, hyphens and underscores", name)
	}
	return nil
}

// checkText leaves room for the time to try again that follows in a reply. A
// header is not followed by anything.
func checkText(text string, action Action) error {
	most := 170
	if action == Prepend {
		most = 200
	}
	if len(text) > most || policyd.Printable(text) != text {
		return fmt.Errorf("text %.100q: write one line of printable ASCII, %d characters at most", text, most)
	}
	return nil
}

// words checks the settings that are one of a few words.
func (r *Rule) words() error {
	for _, w := range []struct {
		what, got string
		known     []string
	}{
		{"count", string(r.Count), []string{string(Messages), string(Recipients), string(Bytes)}},
		{"action", string(r.Action), []string{string(Defer), string(Reject), string(Hold), string(Prepend), string(Discard)}},
		{"mode", string(r.Mode), []string{string(policyd.Enforce), string(policyd.Shadow), string(policyd.Off)}},
		{"fail", string(r.Fail), []string{string(policyd.FailClose), string(policyd.FailOpen), string(policyd.FailClosed)}},
		{"recipients", r.Recipients, []string{AnyRecipients, KnownRecipients, UnknownRecipients}},
	} {
		if !slices.Contains(w.known, w.got) {
			return fmt.Errorf("%s %.100q is unknown: write one of %s", w.what, w.got, strings.Trim(strings.Join(w.known, ", "), ", "))
		}
	}
	return nil
}

func checkWindows(windows []counter.Window) error {
	if len(windows) == 0 {
		return fmt.Errorf("a limit is missing: write NUMBER/DURATION, as in 60/1m")
	}
	for _, w := range windows {
		if w.N <= 0 || w.Per <= 0 {
			return fmt.Errorf("limit %d in %v: both must be above zero", w.N, w.Per)
		}
	}
	return checkDistinct(windows)
}

// checkDistinct refuses two windows of one length: the length names the count.
func checkDistinct(windows []counter.Window) error {
	for i, w := range windows {
		if slices.ContainsFunc(windows[:i], func(other counter.Window) bool { return other.Per == w.Per }) {
			return fmt.Errorf("two limits for %v: keep the lower one", w.Per)
		}
	}
	return nil
}

func (r *Rule) bits() error {
	if r.IPv4Bits < 1 || r.IPv4Bits > 32 || r.IPv6Bits < 1 || r.IPv6Bits > 128 {
		return fmt.Errorf("clients are grouped by 1 to 32 bits of IPv4 and 1 to 128 bits of IPv6, not by %d and %d", r.IPv4Bits, r.IPv6Bits)
	}
	return nil
}

// stages refuses a rule that could never count anything, or never act.
func (r *Rule) stages() error {
	asked := func(states ...string) bool {
		return len(r.Scope.States) == 0 || slices.ContainsFunc(states, func(s string) bool { return slices.Contains(r.Scope.States, s) })
	}
	filtered := r.Recipients != AnyRecipients
	switch {
	case r.Count == Bytes && filtered:
		return fmt.Errorf("bytes are counted once per message, so not for %s recipients alone: count recipients", r.Recipients)
	case r.Count == Bytes && r.Action == Prepend:
		return fmt.Errorf("bytes are known at END-OF-MESSAGE, where Postfix takes no PREPEND: choose another action")
	case r.Count == Bytes && !asked(stateEOM):
		return fmt.Errorf("bytes are known at END-OF-MESSAGE only, which its states leave out")
	case filtered && !asked(stateRcpt):
		return fmt.Errorf("%s recipients are told at RCPT only, which its states leave out", r.Recipients)
	case !asked(stateRcpt, stateData, stateEOM):
		return fmt.Errorf("%s are counted at RCPT, DATA and END-OF-MESSAGE, and its states have none of them", r.Count)
	case r.Action == Prepend && r.Text != "" && !isHeader(r.Text):
		return fmt.Errorf("text %.100q is no header: write Name: value", r.Text)
	}
	return nil
}

// isHeader reports a header field (RFC 5322, section 2.2).
func isHeader(text string) bool {
	name, _, found := strings.Cut(text, ":")
	return found && name != "" && !strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' })
}

// sources checks that what the rule needs of other parts is there.
func (o *Options) sources(r Rule) error {
	switch {
	case o.Destinations == nil && slices.Contains(r.Keys, Key{keyAliasOwner}):
		return fmt.Errorf("key alias_owner needs the map of the aliases, and there is none here: give this daemon the map virtual")
	case o.Known == nil && r.Recipients != AnyRecipients:
		return fmt.Errorf("recipients: %s needs the map of the aliases, and there is none here: give this daemon the map virtual", r.Recipients)
	case r.Limits != nil && len(r.Keys) != 1:
		return fmt.Errorf("limits from a map are for one key, not for the pair %s+%s", r.Keys[0], r.Keys[1])
	}
	return nil
}
