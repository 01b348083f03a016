package doctor

import (
	"context"
	"strings"
)

// bounceKinds are the findings of checkBounces.
func bounceKinds() []Kind {
	return []Kind{
		{"bounce-privacy", Warning, "bounces tell whoever wrote to an alias where it leads"},
	}
}

// checkBounces looks at the table that takes private addresses out of bounces.
// The wiring around it has rules of its own.
func checkBounces(_ context.Context, h *Host, f *findings) {
	for _, s := range h.in(ofBounces) {
		for _, t := range s.view.Get("body_checks").Tables() {
			if !t.Is("regexp", "pcre") {
				continue
			}
			text, err := h.Files.Read(t.Name)
			if err != nil {
				continue // that it is not there is said of the table
			}
			for _, part := range []string{"expanded from", "Final-Recipient", "Diagnostic-Code", "Remote-MTA"} {
				if !strings.Contains(string(text), part) {
					f.add("bounce-privacy", t.Name, "install the shipped bounce_privacy.regexp", "it does not rewrite lines with %q: bounces name where an alias leads", part)
				}
			}
		}
	}
}
