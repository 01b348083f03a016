// Package counter keeps the counters behind rate limits: exact, in one step per
// decision, bounded, and kept across restarts.
//
// # What a limit means
//
// A counter is a continuous-state leaky bucket (ITU-T I.371, annex A, which
// defines it as equal to virtual scheduling; both are known as GCRA). It is
// named by a rule, a key and the time Per of a Window, and holds a level in
// units and an instant. The level drains evenly, N units within Per. A cost
// fits if level + cost is at most N. So N fit at once, and each N-th part of
// Per makes room for one more; in any time of Per at most 2N come through, and
// never more than N at once. Fractions of units are kept exactly, as integers.
//
// A counter is at most full: after N was lowered its level counts as the new N
// at the instant of the last charge. So a limit never blocks longer than Per,
// whatever N was, and a counter that was not charged for Per is empty. N 0
// refuses everything.
//
// Only a charge changes a counter. To be refused costs nothing and does not
// make the wait longer.
//
// # One decision
//
// Charge judges the debits in order and then charges all or nothing. When a
// debit that is not Soft does not fit, nothing is charged and nothing is
// remembered as paid, for any debit. A soft debit that does not fit is reported
// and left out. Debits of one call that name the same counter see one another.
//
// # Once per message
//
// Postfix may ask about one message at several stages, and about a recipient
// twice. What was paid is remembered by rule, key and message, and by rule, key,
// message and recipient, for at least an hour after it was last asked about.
// smtpd_timeout gives a client 300 seconds for each command, and Postfix's own
// client waits up to ten minutes for the reply to the end of the data; an hour
// is a pause of that length six times over between two questions about the
// same message. What is forgotten is charged again.
//
// # Bounds
//
// Memory keeps MaxKeys counters. For one more, the one goes that was idle for
// longest; never one that is over its limit, that is, one that would refuse a
// cost of 1 now. When none can go, a new key is not judged: Outcome.Full, and
// the rule's fail setting decides. What was paid is bounded by MaxKeys too, twice
// (see memory_paid.go); when messages come so fast that this is less than an
// hour of them, the oldest are forgotten early and a metric counts it.
// A counter takes about 110 bytes and its key, a payment about 40, and the table
// 8 bytes for each counter that may be.
//
// # Time
//
// Counters live on a clock of their own, which adds up how the wall clock goes
// forwards. When the wall clock jumps back, nothing happens: what was to wait
// still waits as long, and no longer. When it jumps forwards, the counters have
// drained.
//
// # State
//
// Save writes the counters that were charged within their Per, and what was
// paid, Load reads them; see save.go for the format. The wall clock tells how long the daemon
// was away. Keys are addresses, logins and domains in clear: the file has mode
// 0600.
//
// # Known limits
//
// All of it is behind one lock, which is held for less than a microsecond. A
// save copies a thousand counters at a time, so it may hold one of two counters
// that a charge changed together. A crash loses what was charged since the last
// save.
package counter
