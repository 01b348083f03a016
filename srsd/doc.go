// Package srsd rewrites envelope senders of forwarded mail (SRS, the Sender
// Rewriting Scheme) and takes the bounces back, as lookup maps.
//
// # Why
//
// A host that forwards mail sends it from an address that is not its own, and
// the receiver's SPF check fails. So cleanup(8) asks for every envelope sender
// (sender_canonical_maps) and gets an address of the SRS domain, which carries
// the original one and a signature; and for every envelope recipient
// (recipient_canonical_maps), where such an address is turned back. The address
// grammar and the signature are package srs.
//
// # Three faces
//
// [Classic] answers as PostSRSd 1.x on its two tcp tables, [Modern] as
// PostSRSd 2.x on socketmap, to the reply texts. The native face is either of
// them over an [Engine] with the options that PostSRSd has not:
//
//   - Hybrid envelopes: a sender is embedded as long as the new local part has
//     at most 64 octets (RFC 5321, section 4.5.3.1.1), and stored only when it
//     has more, when it cannot be embedded (quotes, an equal sign in the
//     host), or when Postfix would refuse bounces to it ("%" and "!" look like
//     a route over other hosts). Without a store the latter is embedded.
//   - OwnDomain: only addresses of the SRS domain are turned back. PostSRSd
//     ignores the domain, so that a valid hash at any domain is.
//   - srs.Options.Strict: a sender that looks like SRS1 and is not is taken for
//     any sender. PostSRSd answers PERM, with which Postfix defers the mail
//     until its queue lifetime ends.
//   - Secrets with dates, see below; and a stamp of tomorrow is accepted, since
//     the clocks of two hosts are never the same (srs.Options.Early).
//
// # Bounces at the door
//
// [Recipients] is an access(5) map over recipients: OK for an address that the
// engine would turn back now, "550 5.1.1 reason" for one of our domain that is
// forged, malformed or expired, not found for all that is no SRS address of
// ours. [Verdict] adds the sender: a bounce has none (RFC 5321, section
// 4.5.5), so others are refused with 554 5.7.1 unless it is told otherwise.
//
// # Secrets
//
// A secrets file has one secret per line; the first signs and all verify. The
// bytes of a line are the secret, blanks included, as in PostSRSd; empty lines
// are skipped. The native face also reads
//
//	2026-11-21 secret
//
// where the date is the first day, in UTC, on which the line signs. Before that
// it verifies only, so that every host can have it in time. The line with the
// latest date that is not in the future signs; if none is dated, or all dates
// are in the future, the first undated line does. A line that was superseded
// verifies for 22 days more, which is longer than any address of its lives, and
// retires by itself. Undated lines verify for ever. [Rotate] adds a line.
//
// # Security
//
// Who knows a secret can make addresses that lead anywhere. A secrets file that
// others can read is an error for [ReadDatedSecrets] and a warning for
// [ReadSecrets]. Secrets are never logged; a [Ring] shows fingerprints. The
// daemon answers whoever can connect, so its listeners belong on loopback or
// on a unix socket.
//
// Trouble (a store that is down) is an error and never "not found": a sender
// that was not rewritten would fail SPF at every receiver, and a bounce that
// was not turned back would be lost.
package srsd
