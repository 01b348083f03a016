//go:build integration

package e2e

import (
	"context"
	"database/sql"
	"net/http"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
)

// strain measures how slow the machine is while a promised delay is measured:
// it does something again and again that takes next to no time, and keeps the
// longest that it took. A promise that is missed while the machine stands still
// is no fault.
type strain struct {
	stop    func()
	longest chan time.Duration
}

func startStrain(t *testing.T, quick func(context.Context)) *strain {
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	s := &strain{stop: stop, longest: make(chan time.Duration, 1)}
	go func() {
		const rest = 5 * time.Millisecond
		var longest time.Duration
		for ctx.Err() == nil {
			began := time.Now()
			time.Sleep(rest)
			quick(ctx)
			longest = max(longest, time.Since(began)-rest)
		}
		s.longest <- longest
	}()
	return s
}

// slack ends the measuring, and is what a promise may be missed by: its parts
// may each have met the longest pause.
func (s *strain) slack() time.Duration {
	s.stop()
	longest := <-s.longest
	s.longest <- longest // for who asks again
	return 3 * longest
}

// strain is that of the database server.
func (db *database) strain(t *testing.T) *strain {
	t.Helper()
	conn, err := sql.Open("mysql", shared.db.DSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return startStrain(t, func(ctx context.Context) { conn.ExecContext(ctx, "DO 0") }) // it fails at the end
}

// strain is that of a daemon, asked for a page that it does not have.
func (d *daemon) strain(t *testing.T) *strain {
	t.Helper()
	return startStrain(t, func(context.Context) {
		if resp, err := http.Get("http://" + d.watched() + "/none"); err == nil { // it may have ended
			resp.Body.Close()
		}
	})
}
