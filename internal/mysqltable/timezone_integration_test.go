//go:build integration

package mysqltable

import (
	"testing"

	"postern/internal/scratch"
)

// TestTimeZoneAgainstPostmap: a query with a clock in it means the time zone of
// the server, as it does for Postfix.
func TestTimeZoneAgainstPostmap(t *testing.T) {
	w := newTwinOf(t, scratch.MariaDBOptions{ExtraArgs: []string{"--default-time-zone=+05:30"}})
	w.compare(t, w.cf(t, "query = SELECT c_ts, UNIX_TIMESTAMP(c_dt), TIMEDIFF(NOW(), UTC_TIMESTAMP()) FROM types WHERE k='%s'"), []string{"a"})
}
