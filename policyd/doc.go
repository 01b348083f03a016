// Package policyd speaks Postfix's policy delegation protocol
// (SMTPD_POLICY_README, check_policy_service of postconf(5)): smtpd(8) tells
// what a client is about to do, and a chain of checks answers with an action.
//
// # Wire
//
//	request   = 1*attribute LF
//	attribute = name "=" value LF
//	reply     = "action=" action LF LF
//
// A line is split at its first "="; a value may hold further ones, spaces and
// any byte but LF and NUL. Nothing is encoded except the ccert_ attributes
// (xtext). The attribute request=smtpd_access_policy is required, order does
// not matter, of a repeated attribute the last value counts, and unknown ones
// are kept: [Attributes] has those of Postfix 2.1 to 3.12, and a later release
// may send more. One CR before a LF is the line end of a terminal; Postfix sends
// none, and replies never have one, since Postfix would take it for text and
// wait for more. A connection carries any number of requests, which are answered
// in order.
//
// # States
//
// protocol_state is the SMTP command under way: CONNECT EHLO HELO MAIL RCPT DATA
// END-OF-MESSAGE VRFY ETRN. It is not the restriction list that asks: with
// smtpd_delay_reject (the default) the client, helo, sender, relay and recipient
// lists all ask at RCPT, with the same attributes, and only policy_context can
// tell them apart. BDAT is reported as DATA.
//
// An attribute that is empty is unknown, does not apply or is empty indeed:
//
//	sender           the null sender, or before MAIL
//	recipient        at DATA and END-OF-MESSAGE, if not exactly one was accepted
//	recipient_count  0 before DATA
//	size             as declared with MAIL, else 0; at END-OF-MESSAGE as received
//	instance         before MAIL was accepted; then the same for the whole message
//	queue_id         before a recipient was accepted
//	sasl_username    nobody has logged in
//	helo_name        before EHLO or HELO
//
// client_address and client_name can be "unknown"; an address that cannot be
// parsed is in no network.
//
// # Replies
//
//	DUNNO                       the next restriction decides
//	4xx x.y.z text, 5xx …       the command is refused; at RCPT this recipient
//	DEFER_IF_PERMIT 4.7.1 text  450, unless a later restriction refuses for good
//	HOLD text                   the message goes to the hold queue
//	PREPEND header              the message gets a header; not at END-OF-MESSAGE
//	DISCARD text                the client hears 250, the message is dropped; the
//	                            rest of this restriction list is not asked
//
// There is no OK: it would skip the restrictions behind this one. HOLD, PREPEND
// and DISCARD need a message, so MAIL at least, and mean all of its recipients.
// Postfix puts "<who>: what rejected: " before a text and cuts nothing, so texts
// are one line of ASCII of at most 200 bytes, see [Printable]. A reply that
// decides something ends in the id of its log line, but for a header.
//
// # Failure
//
// What is malformed, over a limit, or in trouble that no check answers for gets
// no reply: the connection ends, never with half a reply. The parameters
// smtpd_policy_service_… of Postfix, or the words of the same name in
// check_policy_service { … }, say what comes then:
//
//	try_limit       attempts, 2. Each sends the request anew, so what is
//	                charged for a message must be charged once by its instance.
//	                After the last attempt Postfix keeps the connection that
//	                ended; with try_limit=1 it finds it again at every further
//	                request of the SMTP session and does default_action for
//	                all of them. There a check had better be open or closed
//	retry_delay     pause before another attempt, 1 s. A server that closes idle
//	                connections costs that in the next mail
//	default_action  done when attempts are used up, "451 4.3.5 Server
//	                configuration problem". DUNNO lets mail pass. In braces an
//	                action with spaces is { default_action = 451 4.3.0 text }
//	timeout         for a connection, a request and a reply each, 100 s. Answers
//	                must be well under it: a silent server costs try_limit times
//	                as much
//	max_idle        300 s, max_ttl 1000 s: after that Postfix hangs up. A server
//	                waits longer
//	request_limit   requests on a connection, 0 for any number
//
// # Chains
//
// A [Policy] has a chain of checks for each policy_context and one for all other
// requests. The first check that refuses decides; HOLD and PREPEND are kept
// until all were asked, and then what checks cost is charged ([Charger]), so
// that mail refused here costs nothing. A [Link] can be limited to listeners,
// states, contexts, clients and logins ([Scope]); in shadow mode it is asked,
// logged and counted and does not act. A check in trouble ends the request
// without a reply, lets mail pass ("open") or answers 451 ("closed"); trouble
// never refuses for good.
//
// # Limits
//
// An attribute has at most 16 KiB (Postfix: line_length_limit, 2,048 bytes, and
// smtpd_sasl_response_limit), a request 128 KiB and 256 attributes; see [Limits].
// A request that fits the buffer is read without a copy but for its text, all
// values share that text, and the [Request] goes back to a pool: whoever keeps
// a value beyond the decision clones it.
//
// # Security
//
// The protocol has no authentication and no encryption: whoever can connect can
// ask, spend budgets and learn what is banned. Listen on loopback or on a unix
// socket that Postfix alone may open. Values come from SMTP clients: in logs
// they are bounded and escaped, in metrics they never are.
//
// # Known limits
//
// Postfix does not ask about RCPT TO:<postmaster>, nor after a restriction that
// decided before. XFORWARD is not visible to a policy server; XCLIENT is. At
// RCPT nobody knows yet which recipients Postfix will accept.
package policyd
