package srsd

import (
	"context"
	"errors"
	"fmt"

	"postern/internal/lookup"
	"postern/srsd/srs"
)

// Admitted is what Recipients and Verdict say of an address to let in.
const Admitted = "OK"

// Recipients is an access(5) map over recipients, see the package comment.
type Recipients struct{ *Engine }

// Lookup judges a recipient.
func (r Recipients) Lookup(ctx context.Context, key string) (string, bool, error) {
	if !srs.IsSRS(key) || !r.ours(key) {
		return "", false, nil
	}
	_, err := r.restore(ctx, key)
	if err == nil {
		return Admitted, true, nil
	}
	if _, about := reason(err); !about && !errors.Is(err, noDatabase) {
		return "", false, err
	}
	return "550 5.1.1 " + refusal(err), true, nil
}

// refusal tells the sender of a bounce why it is not taken.
func refusal(err error) string {
	switch resultOf(err) {
	case resultExpired:
		return fmt.Sprintf("this bounce address has expired: bounces are taken for %d days", srs.MaxAgeDays)
	case resultUnknown:
		return "this bounce address is not known here, or no more"
	case resultForged:
		return "this bounce address was not made here: its signature is wrong"
	}
	return fmt.Sprintf("this is no bounce address: %v", err)
}

// Verdict judges a recipient together with its sender.
type Verdict struct {
	Recipients lookup.Map // a Recipients, or a client that asks one
	AnySender  bool       // also admit mail that is no bounce
}

// Judge returns "" for what is no SRS address of ours, Admitted, or the reply
// that refuses. An error is trouble: the client should come again.
func (v Verdict) Judge(ctx context.Context, sender, recipient string) (string, error) {
	reply, found, err := v.Recipients.Lookup(ctx, recipient)
	switch {
	case err != nil:
		return "", err
	case !found:
		return "", nil
	case reply == Admitted && !v.AnySender && sender != "" && sender != "<>":
		return "554 5.7.1 only bounces are taken at this address, and they have no sender (MAIL FROM:<>)", nil
	}
	return reply, nil
}
