//go:build integration

package store

import (
	"context"
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

// TestMariaDBSwitchWaits: who switches rows waits for the change of an
// administrator, and sees it.
func TestMariaDBSwitchWaits(t *testing.T) {
	m := startMariaDB(t, scratch.MariaDBOptions{})
	admin, other := openStore(t, optionsOf(m)), openStore(t, optionsOf(m))
	type result struct {
		off []SwitchRow
		err error
	}
	results := make(chan result, 1)
	err := admin.Edit(t.Context(), func(ctx context.Context, e *Edit) error {
		go func() {
			off, err := other.SwitchOff(t.Context(), SwitchKey{"alias", "info@x.test"})
			results <- result{off, err}
		}()
		for waiting := 0; waiting == 0 && len(results) == 0; {
			if err := admin.DB().GetContext(ctx, &waiting, `SELECT count(*) FROM information_schema.processlist WHERE state = 'User lock'`); err != nil {
				return err
			}
		}
		_, err := e.Insert(ctx, Aliases, Entry{Key: "info@x.test", Value: "a@far.test", Active: true})
		return err
	})
	if r := <-results; err != nil || r.err != nil || len(r.off) != 1 {
		t.Errorf("switched off %+v, %v, %v", r.off, r.err, err)
	}
}
