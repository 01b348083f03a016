package counter

import "testing"

func TestMemoryIsAStore(t *testing.T) {
	testStore(t, 0, func(t *testing.T, now *clock) Store {
		return NewMemory(MemoryOptions{Now: now.Now})
	})
}
