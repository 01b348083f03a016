package srsd

import (
	"crypto/sha256"
	"encoding/hex"
	"sync/atomic"
	"time"

	"postern/srsd/srs"
)

// retiresAfter is how many days a superseded secret goes on verifying: the
// life of an address (srs.MaxAgeDays), counted from the last second of the
// last day on which it signed.
const retiresAfter = srs.MaxAgeDays + 1

// Secret is one line of a secrets file.
type Secret struct {
	Text []byte
	From time.Time // first day on which it signs, 00:00 UTC; zero: undated
}

// State is what a secret does on a day.
type State string

// States of a secret.
const (
	Signs    State = "signs"
	Verifies State = "verifies"
	Retired  State = "retired"
)

// Ring is a set of secrets in the order of their file. It is safe for
// concurrent use.
type Ring struct {
	secrets []Secret
	keys    []*srs.Key
	today   atomic.Pointer[ringDay]
}

// ringDay is what the ring gives on one day.
type ringDay struct {
	day  int64
	keys srs.Keys
}

// NewRing prepares the secrets.
func NewRing(secrets []Secret) *Ring {
	r := &Ring{secrets: secrets}
	for _, s := range secrets {
		r.keys = append(r.keys, srs.NewKey(s.Text))
	}
	return r
}

// Keys are the keys of a moment: the one that signs first, then all others
// that verify. They are none if no secret signs.
func (r *Ring) Keys(now time.Time) srs.Keys {
	day := dayOf(now)
	if held := r.today.Load(); held != nil && held.day == day {
		return held.keys
	}
	signer := r.signer(now)
	var keys srs.Keys
	if signer >= 0 {
		keys = append(keys, r.keys[signer])
		for i := range r.keys {
			if i != signer && !r.retired(i, now) {
				keys = append(keys, r.keys[i])
			}
		}
	}
	r.today.Store(&ringDay{day, keys})
	return keys
}

// signer is the index of the secret that signs, -1 if none does.
func (r *Ring) signer(now time.Time) int {
	best := -1
	for i, s := range r.secrets {
		switch {
		case s.From.After(now):
		case best < 0, s.From.After(r.secrets[best].From):
			best = i
		}
	}
	return best
}

// retired reports whether a secret was superseded so long ago that no address
// of its can be alive.
func (r *Ring) retired(i int, now time.Time) bool {
	from := r.secrets[i].From
	if from.IsZero() {
		return false
	}
	var successor time.Time
	for _, s := range r.secrets {
		if s.From.After(from) && (successor.IsZero() || s.From.Before(successor)) {
			successor = s.From
		}
	}
	return !successor.IsZero() && !now.Before(successor.AddDate(0, 0, retiresAfter))
}

// Slot describes a secret without telling it.
type Slot struct {
	Fingerprint string // the same on every host that has the secret
	From        time.Time
	State       State
}

// Slots describe the secrets in the order of their file.
func (r *Ring) Slots(now time.Time) []Slot {
	signer := r.signer(now)
	slots := make([]Slot, len(r.secrets))
	for i, s := range r.secrets {
		slots[i] = Slot{fingerprint(s.Text), s.From, Verifies}
		switch {
		case i == signer:
			slots[i].State = Signs
		case signer < 0 || r.retired(i, now):
			slots[i].State = Retired
		}
	}
	return slots
}

// fingerprint tells secrets apart. Eight digits of a hash help nobody to find
// a secret of the length that Rotate makes.
func fingerprint(secret []byte) string {
	sum := sha256.Sum256(append([]byte("postern srs secret\x00"), secret...))
	return hex.EncodeToString(sum[:4])
}

// dayOf numbers the days of UTC.
func dayOf(now time.Time) int64 {
	const day = 24 * 60 * 60
	seconds := now.Unix()
	if seconds < 0 {
		return (seconds - day + 1) / day
	}
	return seconds / day
}
