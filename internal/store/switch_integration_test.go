//go:build integration

package store

import (
	"testing"

	"postern/internal/scratch"
)

// TestMariaDBSwitch: the last one drops a table.
func TestMariaDBSwitch(t *testing.T) {
	m := startMariaDB(t, scratch.MariaDBOptions{ExtraArgs: []string{"--default-time-zone=+05:00"}})
	for _, tt := range switchTests {
		t.Run(tt.name, func(t *testing.T) {
			s := openStore(t, optionsOf(m))
			for _, table := range []string{"smtp_users", "smtp_sender_acl", "alias", "alias_handle"} {
				mustExec(t, s, `DELETE FROM `+table)
			}
			tt.run(t, s)
		})
	}
}
