//go:build integration

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// everyAlias fails the test unless each alias is answered.
func everyAlias(t *testing.T, d *daemon, when string) {
	t.Helper()
	a := d.asker()
	defer a.close()
	for i := range rowCount {
		if got, want := a.must(t, "virtual", fmt.Sprintf("a%d@fwd.test", i)), fmt.Sprintf("OK t%d@dest.test", i); got != want {
			t.Fatalf("%s: a%d: %q, want %q", when, i, got, want)
		}
	}
}

// TestEmptiedTable: a table that is suddenly empty, as in the middle of a
// restore, refuses no recipient until a human says that it is meant.
func TestEmptiedTable(t *testing.T) {
	for _, test := range []struct {
		name, settings, statement string
		feed                      bool
		after                     func(t *testing.T, d *daemon) // has the table read
	}{
		{"TRUNCATE, reloaded", "tables: {refresh: 1s}\n", "TRUNCATE alias", false, nil},
		{"most rows deleted, reloaded", "tables: {refresh: 1s}\n", "DELETE FROM alias WHERE id % 3 > 0", false, nil},
		{"all rows deleted, told by the feed", "", "DELETE FROM alias", true, nil},
		{"TRUNCATE, flushed", "", "TRUNCATE alias", true, func(t *testing.T, d *daemon) {
			if out, err := d.run(t, "flush", "virtual-aliases"); err != nil {
				t.Fatalf("flush: %v: %s", err, out)
			}
		}},
		{"the rows of another database", "tables: {refresh: 1s}\n",
			"RENAME TABLE alias TO away; CREATE TABLE alias LIKE away; INSERT INTO alias (address, `goto`) VALUES ('x@fwd.test', 'x@dest.test')", false, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := outageDatabase(t, test.feed)
			d := startDaemon(t, db.block()+test.settings)
			everyAlias(t, d, "before")
			db.exec(t, test.statement)
			if test.after != nil {
				test.after(t, d)
			}
			eventually(t, "the reload is held back", func() bool { return strings.Contains(d.log(), "held back by the shrink guard") })
			everyAlias(t, d, "held back")
			time.Sleep(time.Second) // a further reload, or a further reading of the feed
			everyAlias(t, d, "still held back")
			d.stop(t)
			d.start(t)
			d.awaitReady(t)
			everyAlias(t, d, "after a restart")
			eventually(t, "a human lets it pass", func() bool {
				_, err := d.run(t, "accept-snapshot")
				return err == nil
			})
			a := d.asker()
			defer a.close()
			eventually(t, "what is gone is not found", func() bool { return status(a.must(t, "virtual", "a1@fwd.test")) == "NOTFOUND" })
		})
	}
}
