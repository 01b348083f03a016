// Package fromguard is a milter for submission: it holds the addresses in the
// headers From, Sender and Reply-To to those that the login may send as.
//
// # Why
//
// Postfix checks the envelope sender of a login (reject_sender_login_mismatch)
// and nothing of the header. OpenDKIM signs by the header, or, with SenderMacro
// {mail_addr}, by the envelope, and by the header again where the envelope
// sender is null. So a login could send mail that is signed for another
// tenant's domain, or that at least shows it. Where the guard stands, header
// From is the login's in every message, and the null sender of a delivery or
// disposition notification needs no rule of its own.
//
//	smtpd_milters = unix:postern/from-guard, inet:127.0.0.1:8891
//	milter_default_action = tempfail
//
// The guard stands before OpenDKIM, in the submission service alone. Postfix
// shows a milter what a message is after header_checks and address rewriting,
// and each one what the milters before it have made of it: nothing that changes
// headers may stand behind the guard, except what signs.
//
// # Rules
//
// Of each message the guard reads From, Sender, Reply-To, Resent-From and
// Resent-Sender. The two last are treated as Sender is. Every address in them is
// folded with lookup.Fold and asked of the map of sender logins
// (smtpd_sender_login_maps), which finds name+extension@domain and @domain as
// Postfix does; logins are compared without regard to case. Then
//
//   - with match "address", the login must be among the answer;
//   - with match "domain", the default, it is enough that another address of
//     the same domain is the login's: the envelope sender, another address in
//     these headers, the login itself where it is an address, or a row for
//     @domain. Other addresses of the login are not known to the map.
//
// From must be there. To mail of local_header_rewrite_clients Postfix adds a
// missing one from the envelope sender, or MAILER-DAEMON without a domain where
// that is null, which is refused: a notification must bring its From. Beside
// Resent- headers it adds a Resent-From and no From.
//
// An address in a display name is held to the same rule, since readers show the
// name in the place of the address; by default that is only logged (Shadow). A
// name with such an address and an angle bracket is a fault of its header.
//
// # Syntax
//
// What two readers could read differently is refused, with a reply that says
// what would be right. Taken is, folded or not:
//
//	name@example.org
//	name@example.org (A comment)
//	Any Name <name@example.org>
//	"Any, Name" <name@example.org>, =?UTF-8?Q?Any?= <name@example.org>
//
// Refused are: a second From, Sender or Reply-To; groups; quoted local parts;
// comments with specials in them, and within addresses; two addresses without a
// comma, empty places between commas; a name with @ in it that is not quoted;
// source routes; encoded words in an address; domains with empty labels (so a
// final dot, too) and address literals; characters beyond ASCII in an address
// that are no letters, marks or digits; bytes that are no UTF-8; control
// characters and Unicode line separators; folded lines without text. What is
// left is read by net/mail, too, and refused if that reads anything else.
//
// In every other header it looks for one of these that begins behind a bare
// carriage return or another character that some readers end a line at.
//
// An internationalized domain is asked for in both its spellings, that of DNS
// (xn--) and that of SMTPUTF8, so it does not matter which of them the header,
// the envelope or the row has. Two domains that only folding makes one
// (straße.example, strasse.example) stay two: the first is found by its xn--
// row. What IDNA (RFC 5891) cannot convert is nobody's. Postfix converts
// nothing: MAIL FROM has the spelling of the row.
//
// # Macros
//
// The login is {auth_authen}, which Postfix sends with MAIL (milter_mail_macros)
// and at no other stage. Without it the message gets 451 at its end and the log a line of
// level error: the guard is wired to a service that takes mail without login.
// The queue id (i) comes with the end of the message. No other macro is used.
//
// # Trouble
//
// If the map cannot tell, the message gets 451, unless a header is wrong
// whatever the map says. A panic does the same. When the guard is away, Postfix
// does milter_default_action, which must be tempfail.
//
// # Limits
//
// 20 of these headers are read, of 16 KiB and 50 addresses each; what is beyond
// is refused. The number of other headers is not limited, and none is kept. See
// package milter for those of the protocol. A NUL byte ends a header for every
// milter, so it hides what stands behind it: set message_reject_characters =
// \0 for the cleanup service of submission.
//
// # Security
//
// Replies name the header, never an address or its domain, and read the same
// for an address of another tenant and for one that does not exist. Log lines
// name the login, the header and the domain, bounded and escaped; metrics none
// of them. Whoever may connect to the socket can try addresses with logins of
// his choice: keep it for Postfix.
//
// # Known limits
//
// Mail of another person that is resent (Resent-From) has that person's From
// and is refused. A name without an address in it can be anyone's.
package fromguard
