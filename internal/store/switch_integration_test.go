//go:build integration

package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

// TestMariaDBSwitch: the last one drops a table.
func TestMariaDBSwitch(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{ExtraArgs: []string{"--default-time-zone=+05:00"}})
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
	m := scratchtest.Database(t, scratch.MariaDBOptions{})
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

// TestMariaDBTurnOfAnother: who does not get the turn is told whose it is, and
// what must not wait goes on without it.
func TestMariaDBTurnOfAnother(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{})
	s := openStore(t, optionsOf(m))
	conn, err := openStore(t, optionsOf(m)).DB().Connx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var id uint64
	if err := conn.GetContext(t.Context(), &id, `SELECT CONNECTION_ID() FROM (SELECT GET_LOCK(CONCAT(?, '.', MD5(DATABASE())), 0) AS l) AS got WHERE l = 1`, editLock); err != nil {
		t.Fatal(err)
	}
	err = s.change(t.Context(), writerTurn{editLock, time.Millisecond}, func(context.Context, *sqlx.Tx) error {
		t.Error("it went on beside another")
		return nil
	})
	var occupied *OccupiedError
	if !errors.As(err, &occupied) || occupied.Connection != id || !strings.HasPrefix(occupied.Who, m.User()+"@") {
		t.Errorf("%v, %+v; want connection %d", err, occupied, id)
	}
	if want := fmt.Sprintf("KILL %d ends it", id); !strings.Contains(err.Error(), want) {
		t.Errorf("%v does not say %q", err, want)
	}
	mustExec(t, s, "INSERT INTO alias (id, address, `goto`) VALUES (1, 'info@x.test', 'a@far.test')")
	if off, err := s.SwitchOff(t.Context(), SwitchKey{"alias", "info@x.test"}); err != nil || len(off) != 1 {
		t.Errorf("what must stop waits: %+v, %v", off, err)
	}
}

// TestMariaDBRowsOfAnother: trouble with locks of a program that takes no turns
// says where to look.
func TestMariaDBRowsOfAnother(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{})
	o := optionsOf(m)
	o.StatementTimeout = time.Second
	s, other := openStore(t, o), openStore(t, optionsOf(m))
	mustExec(t, s, "INSERT INTO alias (id, address, `goto`) VALUES (1, 'info@x.test', 'a@far.test')")
	tx, err := other.DB().BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(t.Context(), "UPDATE alias SET `goto` = 'b@far.test'"); err != nil {
		t.Fatal(err)
	}
	_, err = s.SwitchOff(t.Context(), SwitchKey{"alias", "info@x.test"})
	if err == nil || !strings.Contains(err.Error(), "another program may hold these rows: SHOW FULL PROCESSLIST") {
		t.Errorf("%v", err)
	}
}
