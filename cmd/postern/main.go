// Command postern is the small guarded gate beside the big one: the daemons
// that a stock Postfix forwarding host asks, and the tools around them, in one
// binary.
//
// Exit status of every subcommand: 0 yes, 1 not found or no, 2 usage, 75
// temporary trouble (EX_TEMPFAIL), 78 bad configuration (EX_CONFIG).
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
