package srs

// Error is a refusal. Its text is the one that PostSRSd 1.x and 2.x print for
// the same address, full stop included, so that a daemon can answer with it;
// errors.Is tells one from another.
type Error string

// Error returns the text.
func (e Error) Error() string { return string(e) }

// The refusals. NoSecrets is trouble of ours, TooLong and NoAt are about
// the input as a whole, those up to ShortHash about its syntax, and the last
// two say that a well-formed address is not, or no longer, one of ours.
const (
	NotSRS    Error = "Not an SRS address."
	NoSecrets Error = "No secrets in SRS configuration."
	NoAt      Error = "No at sign in sender address"
	TooLong   Error = "Buffer too small."
	NoHost0   Error = "No host in SRS0 address."
	NoUser0   Error = "No user in SRS0 address."
	NoHash0   Error = "No hash in SRS0 address."
	NoStamp0  Error = "No timestamp in SRS0 address."
	NoHost1   Error = "No host in SRS1 address."
	NoUser1   Error = "No user in SRS1 address."
	NoHash1   Error = "No hash in SRS1 address."
	BadStamp  Error = "Bad base32 character in timestamp."
	ShortHash Error = "Hash too short in SRS address."
	OutOfDate Error = "Time stamp out of date."
	BadHash   Error = "Hash invalid in SRS address."
)

// NotEmbeddable is the refusal of [Options].Strict. PostSRSd has none like it.
const NotEmbeddable Error = "Address cannot be carried in an SRS address."
