package turn

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestDeadline(t *testing.T) {
	t.Run("ends in time, waited for or not", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			waited, not := newDeadline(t.Context(), time.Now().Add(time.Second)), newDeadline(t.Context(), time.Now().Add(time.Second))
			child, cancel := context.WithCancel(waited)
			defer cancel()
			if waited.Err() != nil || not.Err() != nil || child.Err() != nil {
				t.Error("ended at the start")
			}
			<-child.Done()
			for _, ctx := range []context.Context{waited, not, child} {
				if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
					t.Error(ctx.Err())
				}
			}
			<-not.Done()
			not.end()
			waited.end()
		})
	})
	t.Run("ends with its parent", func(t *testing.T) {
		parent, stop := context.WithCancel(t.Context())
		waited, not := newDeadline(parent, time.Now().Add(time.Hour)), newDeadline(parent, time.Now().Add(time.Hour))
		defer waited.end()
		done := waited.Done()
		stop()
		<-done
		if waited.Err() != context.Canceled || not.Err() != context.Canceled {
			t.Error(waited.Err(), not.Err())
		}
	})
	t.Run("is cancelled at its end", func(t *testing.T) {
		waited, not := newDeadline(t.Context(), time.Now().Add(time.Hour)), newDeadline(t.Context(), time.Now().Add(time.Hour))
		done := waited.Done()
		waited.end()
		not.end()
		<-done
		<-not.Done()
		if waited.Err() != context.Canceled || not.Err() != context.Canceled {
			t.Error(waited.Err(), not.Err())
		}
	})
	t.Run("is no later than its parent's", func(t *testing.T) {
		at := time.Now().Add(time.Second)
		parent, cancel := context.WithDeadline(t.Context(), at)
		defer cancel()
		if got, ok := newDeadline(parent, at.Add(time.Hour)).Deadline(); !got.Equal(at) || !ok {
			t.Error(got)
		}
		if got, ok := newDeadline(parent, at.Add(-time.Minute)).Deadline(); !got.Equal(at.Add(-time.Minute)) || !ok {
			t.Error(got)
		}
	})
	t.Run("has the values of its parent", func(t *testing.T) {
		d := newDeadline(context.WithValue(t.Context(), key{}, 1), time.Now().Add(time.Hour))
		defer d.end()
		before := d.Value(key{})
		d.Done()
		if before != 1 || d.Value(key{}) != 1 {
			t.Error("value lost")
		}
	})
}
