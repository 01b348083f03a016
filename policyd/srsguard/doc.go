// Package srsguard is the check "srs" of the policy daemon: it keeps mail out
// that misuses SRS addresses, ours and others'.
//
// # Senders
//
// Mail from outside whose sender looks rewritten (SRS0 or SRS1 with one of = + -,
// in any case) is judged by srs_inbound:
//
//   - own: refused only if the address is one of our SRS domain that does not
//     verify, because it is forged, malformed or expired. The default.
//   - any: every such sender is refused. Alumni addresses, universities and
//     mailing providers forward with such senders, so this costs good mail.
//   - off: nothing is refused.
//
// What the settings that were not chosen would have refused is always counted,
// and logged, in shadow, by the rules inbound_own and inbound_any: once for each
// request, and there is one for each recipient.
//
// Logins are not judged by their sender; nor are the clients in Exempt.
//
// # Recipients
//
// At RCPT, and at DATA and for BDAT where there is a single recipient, an SRS
// recipient of ours is judged by the map srs-recipients. One that is forged,
// malformed or expired is refused with the map's own words (rule
// recipient_forged). A valid one is for bounces, so it is refused to mail that
// has a sender (rule recipient_sender) unless AnySender is set; a login may send
// to it, since it could as well send to the address inside. All else is let
// pass: that a valid one is taken is for the restriction that asks the same map,
// because this daemon never answers OK.
//
// An SRS recipient of a domain that is not ours is none of our business here.
//
// # Trouble
//
// Only addresses that look like SRS are asked of the map. Its trouble is
// trouble of the check; where it was asked for a shadow only, it is passed over.
//
// # Security
//
// The check has no secret. Replies repeat what the map says of the address, and
// never what is inside of it.
package srsguard
