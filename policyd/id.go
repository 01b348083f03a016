package policyd

import (
	"crypto/rand"
	"encoding/base32"
)

// newID names a decision, in the SMTP reply and in the log line: eight
// characters that can be read out on the telephone. One in a million million
// is the same as another.
func (h *Handler) newID() string {
	if h.NewID != nil {
		return h.NewID()
	}
	var b [5]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return base32.StdEncoding.EncodeToString(b[:])
}
