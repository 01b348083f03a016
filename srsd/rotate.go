package srsd

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"postern/internal/statefile"
)

// secretBytes are the random bytes of a new secret.
const secretBytes = 32

// Rotation is what Rotate did.
type Rotation struct {
	Slots   []Slot // of the new file
	Retired int    // lines that were dropped
}

// Rotate adds a new secret to the file of a native face, which signs from the
// day given and verifies from the next reload. Undated lines are dated today,
// so that they retire after the new one; lines that have retired are dropped.
// A file that does not exist is made, with one secret that signs at once.
// The file is replaced in one step and keeps its owner and mode.
func Rotate(path string, from, now time.Time) (Rotation, error) {
	today := midnight(now)
	from = midnight(from)
	text, mode, err := readSecretsFile(path)
	var old []Secret
	switch {
	case errors.Is(err, fs.ErrNotExist):
		mode, from = 0o600, today
	case err != nil:
		return Rotation{}, err
	case mode&0o007 != 0:
		return Rotation{}, openToOthers(path, mode)
	default:
		if old, err = ParseDatedSecrets(path, text); err != nil {
			return Rotation{}, err
		}
	}
	if from.Before(today) {
		return Rotation{}, fmt.Errorf("rotate: %s has passed: a new secret signs today (%s) at the earliest", from.Format(dateLayout), today.Format(dateLayout))
	}
	kept, err := rotated(old, from, today)
	if err != nil {
		return Rotation{}, fmt.Errorf("rotate: %w", err)
	}
	if err := replaceSecrets(path, kept, mode); err != nil {
		return Rotation{}, fmt.Errorf("rotate: %w", err)
	}
	return Rotation{Slots: NewRing(kept).Slots(now), Retired: len(old) + 1 - len(kept)}, nil
}

// rotated is the new list: the new secret first.
func rotated(old []Secret, from, today time.Time) ([]Secret, error) {
	secret := make([]byte, secretBytes)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	all := []Secret{{Text: []byte(hex.EncodeToString(secret)), From: from}}
	dated := today
	if !from.After(today) {
		dated = today.AddDate(0, 0, -1) // before its successor, or it would never retire
	}
	ring := &Ring{secrets: old}
	for i, s := range old {
		if !s.From.IsZero() && !s.From.Before(from) {
			return nil, fmt.Errorf("a secret already waits to sign from %s: rotate again after that day, or name a later one", s.From.Format(dateLayout))
		}
		if ring.retired(i, today) {
			continue
		}
		if s.From.IsZero() {
			s.From = dated
		}
		all = append(all, s)
	}
	return all, nil
}

// replaceSecrets writes the file anew, in one step.
func replaceSecrets(path string, secrets []Secret, mode fs.FileMode) error {
	return statefile.Replace(path, mode, func(w io.Writer) error {
		for _, s := range secrets {
			if _, err := fmt.Fprintf(w, "%s %s\n", s.From.Format(dateLayout), s.Text); err != nil {
				return err
			}
		}
		return nil
	})
}

// midnight is the beginning of a day in UTC.
func midnight(t time.Time) time.Time {
	return t.UTC().Truncate(24 * time.Hour)
}
