package bans

import (
	"fmt"
	"strings"
	"time"

	"postern/policyd"
)

// finding is a ban that acts. The zero value is none.
type finding struct {
	place Place
	by    string // what was banned: a kind, or the host behind a destination
	entry *entry
	text  string   // of the reply
	hide  []string // what the reply must not name
}

// verdict refuses. How long a reply may be is policyd's affair.
func (f finding) verdict() policyd.Verdict {
	text := f.text
	if reason := policyd.Printable(f.entry.Reason); reason != "" && !f.reveals(reason) {
		text += ": " + reason
	}
	return policyd.Verdict{
		Action: policyd.Refuse(554, "5.7.1", text),
		Rule:   string(f.place) + "_" + f.by,
		Reason: f.entry.String(),
	}
}

// reveals reports whether the reason names what the sender must not learn.
func (f finding) reveals(reason string) bool {
	reason = strings.ToLower(reason)
	for _, word := range f.hide {
		if word != "" && strings.Contains(reason, word) {
			return true
		}
	}
	return false
}

// String is the ban for people.
func (e *entry) String() string {
	until := "for ever"
	if !e.Expires.IsZero() {
		until = "until " + e.Expires.UTC().Format(time.RFC3339)
	}
	if e.Reason == "" {
		return fmt.Sprintf("%s %s is banned %s", e.kind, e.target, until)
	}
	return fmt.Sprintf("%s %s is banned %s: %.200s", e.kind, e.target, until, e.Reason)
}

// hidden is what would tell an address to who reads a reply: its local part,
// its domain and each domain above that is not a mere ending. Short local parts
// are found in every second word, and say nothing.
func hidden(a address) []string {
	words := []string{}
	if len(a.local) > 3 {
		words = append(words, a.local)
	}
	for name := a.domain; strings.Contains(name, "."); {
		words = append(words, name)
		_, name, _ = strings.Cut(name, ".")
	}
	return words
}
