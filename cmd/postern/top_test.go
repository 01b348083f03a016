package main

import (
	"fmt"
	"regexp"

	"github.com/rogpeppe/go-internal/testscript"
)

// awaitOutput runs postern until what it prints matches, since figures are some
// moments old: until REGEXP ARG...
func awaitOutput(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until REGEXP ARG...")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	until(ts, fmt.Sprintf("postern %q: %s", args[1:], args[0]), func() bool {
		return ts.Exec("postern", args[1:]...) == nil && pattern.MatchString(ts.ReadFile("stdout"))
	})
}
