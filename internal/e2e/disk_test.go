//go:build integration

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/scratch/scratchtest"
)

// smallDisk is a file system of its own, of so many kilobytes, with a disk
// copy's folder that all may enter.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := openFolder(t)
	scratchtest.SmallDisk(t, dir, size)
	return dir
}

// TestFullDiskUnderState: without room for disk copies every answer is right,
// the log says what that means, and the copies are written when there is room.
func TestFullDiskUnderState(t *testing.T) {
	db := outageDatabase(t, true)
	disk := smallDisk(t, "256k")
	filler := scratchtest.FillDisk(t, disk)
	d := startDaemon(t, db.block()+"state_dir: "+disk+"/state\n")
	eventually(t, "the log complains", func() bool { return strings.Contains(d.log(), "no space left on device") })
	everyAlias(t, d, "with a full disk")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	db.exec(t, "UPDATE alias SET `goto` = 'moved@dest.test' WHERE address = 'a5@fwd.test'; INSERT INTO alias (address, `goto`) VALUES ('room@fwd.test', 'room@dest.test')")
	a := d.asker()
	eventually(t, "the change is seen", func() bool { return a.must(t, "virtual", "a5@fwd.test") == "OK moved@dest.test" })
	a.close()
	d.stop(t) // writes what is due
	if err := shared.db.Pause(); err != nil {
		t.Fatal(err)
	}
	revive(t)
	d.start(t)
	d.awaitReady(t)
	b := d.asker()
	defer b.close()
	if got := b.must(t, "virtual", "a5@fwd.test"); got != "OK moved@dest.test" {
		t.Errorf("from the disk copy: %q", got)
	}
}

// TestFullDiskUnderSQLite: with no room on the disk of the embedded store the
// rows are answered as they stand, also after a restart.
func TestFullDiskUnderSQLite(t *testing.T) {
	for _, test := range []struct {
		name  string
		state string // where the disk copies are
	}{
		{"copies elsewhere", "{dir}/state"},
		{"copies on the same disk", "DISK/state"},
	} {
		t.Run(test.name, func(t *testing.T) {
			disk := smallDisk(t, "2m")
			makeSQLite(t, filepath.Join(disk, "postern.db"), forwardingRows)
			filler := scratchtest.FillDisk(t, disk)
			d := newDaemon(t, "database: {driver: sqlite, path: "+disk+"/postern.db}\nstate_dir: "+strings.ReplaceAll(test.state, "DISK", disk)+"\n")
			for range 2 {
				d.start(t)
				a := d.asker()
				for i := range 40 {
					// From the store, or a plain word that it cannot be read.
					q := steady(i*4 + []int{0, 2, 3}[i%3])
					if got := a.must(t, q.name, q.key); !q.accepts(got) && status(got) != "TEMP" {
						t.Errorf("%s %s: %q", q.name, q.key, got)
					}
				}
				a.close()
				d.stop(t)
			}
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			d.start(t)
			d.awaitReady(t)
			a := d.asker()
			defer a.close()
			execSQLite(t, filepath.Join(disk, "postern.db"), "INSERT INTO alias (address, goto) VALUES ('later@fwd.test', 'later@dest.test')")
			created := time.Now()
			eventually(t, "a new row is found", func() bool { return a.must(t, "virtual", "later@fwd.test") == "OK later@dest.test" })
			t.Logf("seen after %v", time.Since(created).Round(time.Millisecond))
			if got := a.must(t, "virtual", "info@fwd.test"); got != "OK owner@dest.test" {
				t.Errorf("with room again: %q", got)
			}
		})
	}
}
