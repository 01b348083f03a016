package miltertest

import (
	"fmt"
	"log"
	"os"
	"testing"

	"go.uber.org/goleak"

	"postern/internal/logtest"
)

// Main is the TestMain of a package with a milter: the tests fail if one leaves
// a goroutine behind, or if go-milter prints to the standard logger, which a
// daemon has no use for.
func Main(m *testing.M) {
	var printed logtest.Log
	log.SetOutput(&printed)
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if code == 0 && printed.String() != "" {
			fmt.Fprintf(os.Stderr, "printed to the standard logger:\n%s", &printed)
			code = 1
		}
		os.Exit(code)
	}))
}
