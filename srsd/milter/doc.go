// Package milter is the milter of the SRS daemon: it rewrites the sender of
// mail that leaves, and turns rewritten recipients back into the original
// ones.
//
// # When Postfix asks, and what it shows
//
//	smtpd_milters = unix:/run/postern/srs-milter     (or inet:127.0.0.1:10003)
//	milter_default_action = tempfail
//
// smtpd(8) connects when a client does and keeps the connection for the SMTP
// session. It tells the milter MAIL, and every RCPT that its own restrictions
// have taken; the end of the message comes from cleanup(8) on the same
// connection. The milter does not ask for headers and body. At the end of the
// message it
//
//   - replaces each recipient that Rules.Reverse knows by the one it stands for;
//   - unless every recipient is then Rules.Local (and Rules.RewriteLocal is
//     off), replaces the sender by what Rules.Forward makes of it.
//
// Everything is asked before anything is changed. The null sender and a sender
// without a domain stay. Postfix shows a milter the recipients before virtual
// aliases: on a host that forwards, every recipient looks local, so
// Rules.Local must ask where the alias leads.
//
// What is added passes canonical and virtual maps as other recipients do. A
// recipient that is replaced loses its DSN parameters (NOTIFY, ORCPT).
//
// # Addresses
//
// Postfix shows addresses as the client wrote them. Rules see the internal
// form: no brackets, no source route, no quotes (`"a b"@example.org` is
// a b@example.org). What they return is quoted where it must be. An address
// with comments, stray brackets or control characters, and one of more than
// 510 bytes, is refused with 550 5.7.1.
//
// # Trouble
//
// An error of a rule defers the message or, at RCPT, the recipient; one of
// Forward or Reverse that is marked lookup.Permanent rejects the message. A
// value that is no address defers it. So does a command out of order, and a
// panic. A recipient that is refused leaves the others as they are. Malformed
// packets end the connection; Postfix then does milter_default_action.
//
// # Limits
//
// A packet has at most 1 MiB, 64 KiB for macros, 8 KiB for MAIL and RCPT with
// parameters; what is longer is read past and not kept. See Timeouts for time,
// Rules.RecipientLimit for recipients; the number of connections is the
// server's affair. The MTA must offer CHGFROM, ADDRCPT and DELRCPT.
//
// # Stopping
//
// When the context of ServeConn ends, a message under way is finished; then,
// or between messages after Timeouts.LameDuck, the connection is closed. A
// client that sends a further message in the same SMTP session gets 451.
//
// # Security
//
// Whoever may connect can ask the maps, nothing more: keep the socket for
// Postfix, by its mode or on loopback. Addresses reach the log bounded and
// escaped, and no metric.
//
// # Known limits
//
// Version 2 of the protocol is spoken, whatever the MTA offers; Postfix takes
// all actions in it. Of macros only the queue id is used, for the log. Mail by
// sendmail(1) needs non_smtpd_milters, where a recipient cannot be refused:
// Postfix then defers the whole message. Another milter that refuses
// recipients must stand before this one in smtpd_milters: what it refuses
// after us, we would count and could add again.
package milter
