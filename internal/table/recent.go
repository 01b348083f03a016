package table

import (
	"sync"
	"time"
)

const (
	recentLife    = time.Second
	recentEntries = 4096
	recentKey     = 512 // bytes; longer keys are no addresses and are not remembered
)

// result is what the database said of one key.
type result struct {
	values []string
	err    error
	at     time.Time // when it was asked
}

// recent remembers what the database said within the last second, at most
// recentEntries keys of it. It forgets by halves.
type recent struct {
	mu         sync.Mutex
	young, old map[string]result
	turned     time.Time
}

func (r *recent) get(key string, now time.Time) (result, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	res, ok := r.young[key]
	if !ok {
		res, ok = r.old[key]
	}
	age := now.Sub(res.at)
	return res, ok && age >= 0 && age <= recentLife
}

func (r *recent) put(key string, res result) {
	if len(key) > recentKey {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.young == nil || len(r.young) >= recentEntries/2 || res.at.Sub(r.turned) > recentLife {
		r.old, r.young, r.turned = r.young, map[string]result{}, res.at
	}
	r.young[key] = res
}

func (r *recent) forget(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.young, key)
	delete(r.old, key)
}
