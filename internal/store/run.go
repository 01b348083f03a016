package store

import (
	"context"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
)

// acquire waits for a connection to become free, as long as ctx allows.
// Whoever gives up here has not troubled the database.
func (s *Store) acquire(ctx context.Context) error {
	if s.life.Err() != nil {
		return s.Error(errClosed)
	}
	if err := ctx.Err(); err != nil {
		return s.Error(err)
	}
	select {
	case s.slots <- struct{}{}:
		return nil
	default:
	}
	defer s.metrics.wait()()
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-s.life.Done():
		return s.Error(errClosed)
	case <-ctx.Done():
		return &Error{text: "database: all connections are busy: " + ctx.Err().Error(), err: ctx.Err()}
	}
}

func (s *Store) release() { <-s.slots }

// statementContext makes the context of one statement. It does not end with
// the one who asks, because only the server can end its work.
func (s *Store) statementContext() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(s.life)
	timer := time.AfterFunc(s.options.StatementTimeout+grace, func() { cancel(errTimeout) })
	return ctx, func() {
		timer.Stop()
		cancel(nil)
	}
}

// run does work that needs a connection, and once more if the connection was
// dead. It returns when ctx ends; the work goes on until its own time is over.
func (s *Store) run(ctx context.Context, work func(context.Context) error) error {
	if err := s.acquire(ctx); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		defer s.release()
		ctx, end := s.statementContext()
		defer end()
		done <- s.attempt(ctx, work)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return s.Error(ctx.Err())
	}
}

// query is run for work whose rows are read by the caller.
func (s *Store) query(ctx context.Context, work func(context.Context) (*sqlx.Rows, error)) (*sqlx.Rows, error) {
	if err := s.acquire(ctx); err != nil {
		return nil, err
	}
	type answer struct {
		rows *sqlx.Rows
		err  error
	}
	answers := make(chan answer)
	go func() {
		defer s.release()
		statement, end := s.statementContext()
		var a answer
		a.err = s.attempt(statement, func(ctx context.Context) (err error) {
			a.rows, err = work(ctx)
			return err
		})
		if a.err != nil {
			end()
			a.rows = nil
		}
		select {
		case answers <- a: // the rows end with their context
		case <-ctx.Done():
			if a.rows != nil {
				a.rows.Close()
				end()
			}
		}
	}()
	select {
	case a := <-answers:
		return a.rows, a.err
	case <-ctx.Done():
		return nil, s.Error(ctx.Err())
	}
}

// attempt does the work, again if the connection was lost, and counts it.
func (s *Store) attempt(ctx context.Context, work func(context.Context) error) error {
	start := time.Now()
	err := work(ctx)
	if isLost(err) && ctx.Err() == nil {
		err = work(ctx)
	}
	if err != nil && ctx.Err() != nil && !errors.As(err, new(*connectError)) {
		err = context.Cause(ctx)
	}
	s.metrics.observe(time.Since(start))
	s.contacts.note(err)
	return s.Error(err)
}
