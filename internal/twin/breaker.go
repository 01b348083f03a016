package twin

import (
	"fmt"
	"sync"
	"time"
)

// breaker keeps a failing old path from being asked.
type breaker struct {
	mu     sync.Mutex
	errors int       // in a row
	pauses int       // in a row
	until  time.Time // not before then
}

// allows reports whether the old path may be asked.
func (b *breaker) allows(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !now.Before(b.until)
}

// saw notes how an asking ended, and reports whether a pause begins. After a
// pause one error is enough for the next, which is twice as long.
func (b *breaker) saw(err error, now time.Time, patience int, pause time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		b.errors, b.pauses = 0, 0
		return false
	}
	b.errors++
	if b.errors < patience && b.pauses == 0 || now.Before(b.until) {
		return false
	}
	b.until = now.Add(min(pause<<min(b.pauses, 10), 10*pause))
	b.pauses++
	return true
}

// panicked is a map that panicked.
type panicked struct{ value any }

func (p panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }
