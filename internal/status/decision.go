package status

import (
	"crypto/rand"
	"encoding/base32"
	"strings"
	"time"
)

// Decision is one that was more than DUNNO: of policyd, of the From guard, or of
// the SRS milter.
type Decision struct {
	At        time.Time `json:"at"`
	ID        string    `json:"id"`
	Action    string    `json:"action"`
	Mode      string    `json:"mode"` // enforce, shadow
	Check     string    `json:"check"`
	Rule      string    `json:"rule,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	Client    string    `json:"client,omitempty"`
	Sender    string    `json:"sender,omitempty"`
	Recipient string    `json:"recipient,omitempty"`
	Login     string    `json:"login,omitempty"`
	QueueID   string    `json:"queue_id,omitempty"`
}

// Refuses reports a decision that keeps mail out for good, or would in mode
// enforce.
func (d Decision) Refuses() bool { return d.Action == "reject" || d.Action == "discard" }

// Delays reports a decision that has mail wait, or would in mode enforce.
func (d Decision) Delays() bool { return strings.HasPrefix(d.Action, "defer") || d.Action == "hold" }

// NewID names a decision, in the SMTP reply and in the log line: eight
// characters that can be read out on the telephone. One in a million million
// is the same as another.
func NewID() string {
	var b [5]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return base32.StdEncoding.EncodeToString(b[:])
}
