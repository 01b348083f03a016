// Package srs is the Sender Rewriting Scheme, octet for octet as PostSRSd 1.x
// and 2.x do it: a forwarder sends mail on under an envelope sender of its own
// domain (so that SPF passes at the next hop) that carries the original one,
// and takes bounces to it back.
//
// The package is pure. Secrets ([Keys]), the clock and the [Options] are
// values; nothing is read, stored or logged. Whether an address needs
// rewriting, and whose domain it bears, is for the caller to say.
//
// # Addresses
//
//	forwarded   SRS0 S hash = stamp = host = user @ domain      from user@host
//	twice       SRS1 S hash = host = rest @ domain              from SRS0rest@host
//
// S is one of = + -, chosen by [Options] when written; all three are read, and
// every other separator is "=". Tags are read in any case. An address is split
// at its first "@", fields at the first "=", so that only the last field may
// hold one. The second forwarder of a message makes the SRS1 form: host is the
// first forwarder, and rest the local part there without "SRS0", separator
// included, hence the "==" in SRS1=chaI=first.example==opaque@second.example.
// Further forwarders keep host and rest and put their own hash and domain: a
// bounce goes from the last forwarder straight to the first.
//
// # Time stamp
//
// Two base32 characters (A-Z, 2-7) hold the number of the day since 1970-01-01
// (UTC) modulo 1024; "2W" is 2020-01-01. A stamp is good from its own day to
// [MaxAgeDays] days later: 22 days by name, 21 to 22 times 24 hours. One from
// tomorrow is out of date, unless [Options].Early allows for clocks that differ. SRS1
// has no stamp: its SRS0 part is judged by the host that made it.
//
// # Hash
//
// The hash is HMAC-SHA1 with a secret as its key over stamp, host and user
// (SRS1: host and rest), one behind the other with nothing in between, ASCII
// letters in lower case, written in base64 and cut to [Options].HashLength
// characters. The end of the alphabet is "+/" in PostSRSd before 2.2.6 and "-_"
// since; either is read here, so that addresses outlive a change of [Alphabet].
// PostSRSd before 2.2.6 reads its own only and refuses about one in eight addresses
// written in the other.
//
// Mail systems change the case of local parts, so hashes are compared without
// regard to it. A hash shorter than [Options].HashMinimum is refused, characters
// beyond HashLength are ignored, and in between the given ones must match.
// The first key signs; all keys verify, so that secrets can be changed while
// addresses made with the old one are on their way.
//
// # Limits
//
// An address longer than [Options].MaxLength is refused before it is looked at,
// and none is made. Time and memory are linear in that length and in the number
// of keys. Checks come in the order syntax, stamp, hash, and the stamp has two
// characters before one of them is decoded: it is chosen by strangers.
//
// A local part has at most 64 octets (RFC 5321, section 4.5.3.1.1), which SRS
// exceeds easily and most servers do not enforce. That limit is the caller's.
//
// # Security
//
// What verifies was signed with a secret, or guessed. Four characters are 24
// bits; as 52 of the 64 are letters, whose case does not count, the best guess
// is right once in 2^20 tries per key (2^5 per character), and each try is a
// delivery attempt. Who guesses right has one address at this domain that sends
// mail to one third party for three weeks: a relay of bounces, no open one.
// A stranger needs no guess for a like thing: mail sent under a false sender
// through a forwarder yields a signed address for that sender. Hence let mail
// to SRS addresses in from the null sender only, and check SPF before forwarding.
//
// Of what is signed nothing can be altered but the case of letters and one
// border: as the hashed fields have no separators, the "=" between host and
// user may be moved (otherdomain.com=test, otherdomain.co=mtest). An SRS0 hash
// also fits the SRS1 address whose host begins with the stamp, which has no age.
// Neither lets anybody choose freely where mail goes, and neither can be
// mended without a break with all other implementations.
//
// Hashes are compared in constant time. HMAC does not need the collision
// resistance that SHA-1 has lost.
//
// # Known limits
//
//   - Stamps repeat every 1024 days, and old addresses verify again for 22 days.
//     A secret that is retired earlier ends that.
//   - With two "@" (a quoted one), or "=" in the domain, PostSRSd makes addresses
//     that do not come back, and quotes or blanks in a local part end up inside
//     an unquoted one. [Options].Strict refuses these.
//   - To PostSRSd a local part that is just a tag is an SRS address when it
//     forwards: SRS0@a.example becomes SRS1 with an empty rest, which comes back,
//     but SRS1@a.example is refused. Strict takes both for plain users.
//   - NUL is an octet like any other here. In PostSRSd an address ends at it.
package srs
