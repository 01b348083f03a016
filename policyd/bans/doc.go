// Package bans refuses mail by the bans of table api_bans: addresses, domains,
// networks, local parts.
//
// # What is read
//
// The table is in memory (package table): whole, with a copy on disk. No mail
// waits for the database. With the change feed a new ban or a revocation acts
// within about a second, without it within five; one made by postern itself at
// once. While the database is away the last content stays, and each ban ends
// at its own time: expires_at (UTC) is compared when a request comes, so it is
// honoured to the second. Until something was loaded for the first time the
// check is in trouble, and the chain's fail says what becomes of mail.
//
// # What a ban acts on
//
//	place        kinds by default       what is looked at
//	client       ip, domain             client_address; client_name, which Postfix has verified
//	helo         domain (ip if wanted)  the HELO name; an address literal
//	sender       email, domain          the envelope sender; never the null sender
//	recipient    email, domain, name    the recipient as given
//	destination  email, domain          where the recipient leads in the end
//
// What a request does not tell yet is not looked at: of several recipients
// each is known at RCPT only. Destinations are followed at RCPT, and at DATA if
// there is one recipient. A recipient at a domain that is not hosted here leads
// to itself. If an alias leads to several places and one of them is banned, the
// recipient is refused: otherwise the mail would reach some of them and bounce
// at another.
//
// The first hit decides, in the order client, helo, sender, recipient,
// destination. Of several bans that cover one thing the narrowest active one
// gives the reason; of several rows of one target the one that lasts longest.
//
// # Values
//
// Other programs write the table, so values are read with patience. Case, outer
// blanks and a dot at the end make no difference.
//
//   - email: user@example.com, in <> or not. It bans that address, and that
//     address with any extension (recipient_delimiter).
//   - domain: example.com, @example.com or *.example.com. It bans the domain
//     and all below it. Other letters than ASCII may be written as they are or
//     as xn--.
//   - ip: 192.0.2.1, 192.0.2.0/24, 2001:db8::/32; brackets and IPv6: are taken
//     off, bits of the host cleared, ::ffff:192.0.2.1 is 192.0.2.1. An expired
//     ban of a small network does not hide one of the network around it.
//   - name: a local part, with any extension. It acts on recipients at hosted
//     domains only: a ban of "admin" is not meant for all the world's.
//
// A row that is none of these bans nothing; it is logged once and counted
// (policy_bans_ignored).
//
// # Guards
//
// A domain under which anybody may register one (com, co.uk, or any name
// without a dot) is banned as that name alone, with a warning: it is more often
// a slip than a wish. Write *.co.uk to ban all below it. The list is
// Mozilla's Public Suffix List as of this program's release; what companies
// had put on it (github.io) is banned like any other domain.
//
// A network larger than an IPv4 /8 or an IPv6 /16 acts, with a warning; one of
// all addresses does not.
//
// # Replies
//
// The reply is 554 5.7.1, and names the place and the ban's reason as one line
// of printable ASCII. Of a destination the sender learns nothing but "Mail to
// this address is not accepted": where an alias leads is private. A reason
// that contains the destination's domain, a domain above it, its local part,
// the host behind it or the ban's target is left out. It is the writer of a
// reason who must not describe a destination in other words.
//
// # Hosts behind a destination
//
// Providers of throw-away addresses have hundreds of domains and a few hosts.
// With MX the hosts that take a destination's mail (its MX hosts, or itself if
// it has none) are looked at like domains, and on demand their addresses like
// clients. DNS has two seconds for a recipient; what it does not tell lets the
// mail pass. Answers are remembered for ten minutes, trouble for half a minute.
//
// # Known limits
//
// api_bans holds folded keys: ß is ss there and ς is σ. A domain with these
// letters is banned by its xn-- form.
//
// The map banned-domains, which Postfix may ask by itself, has no guard for
// public suffixes.
//
// Before the shrink guard of package table has believed that many bans are
// gone, which takes half a minute, bans that were added since wait with it,
// where there is no change feed.
package bans
