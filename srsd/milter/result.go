package milter

// Result is a word for what became of something, and the value of a label.
type Result string

// Each message that came to its end has one of the first five. The others are
// counted beside them, as often as they happen.
const (
	Rewritten Result = "rewritten" // the sender was changed
	Local     Result = "local"     // the sender stays: no recipient leaves
	Unchanged Result = "unchanged" // the sender stays for another reason
	Rejected  Result = "rejected"  // the message was rejected
	Deferred  Result = "deferred"  // the message was deferred

	Reversed          Result = "reversed"           // a recipient was changed into the one it stands for
	RecipientRefused  Result = "recipient_refused"  // a recipient was refused
	RecipientDeferred Result = "recipient_deferred" // a recipient was deferred: trouble, or too many
	Malformed         Result = "malformed"          // the peer broke the protocol
)

// Results are all of them, for who counts.
func Results() []Result {
	return []Result{Rewritten, Local, Unchanged, Rejected, Deferred, Reversed, RecipientRefused, RecipientDeferred, Malformed}
}

// Observer is told each result. It is called by several goroutines.
type Observer interface {
	Observe(Result)
}
