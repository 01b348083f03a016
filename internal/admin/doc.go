// Package admin changes the tables that the daemons answer from, and refuses
// what would break mail: `postern domain|alias|handle|sender|user`.
//
// # The tables
//
//	domain           hosted domains
//	alias            ADDRESS or @DOMAIN (a catch-all), and the addresses it leads to
//	alias_handle     HANDLE: that name at every hosted domain
//	smtp_sender_acl  LOGIN may send as SENDER, an address or @DOMAIN
//	smtp_users       logins of submission, with Dovecot's password hashes
//
// Other programs write these tables, too. What they wrote is listed, switched
// and removed here whatever it looks like; what is added is held to the grammar.
//
// # Grammar
//
// A domain is a name of DNS in ASCII: labels of letters, digits and hyphens,
// 63 bytes each and 253 in all, two of them at least (RFC 1123, 2.1). The daemons
// do not convert, so a name in other letters is refused and its xn-- form is
// offered (RFC 5891). An address is a dot-string (RFC 5321, 4.1.2; of UTF-8, RFC
// 6531), 64 bytes, @ and a domain, 254 bytes in all. Quoted names, routes (% and !
// at a domain of ours, a second @), comments, pipes and files are refused: Postfix
// would not deliver to them, or not as they look. Targets are separated by
// commas, 100 at most (virtual_alias_expansion_limit of the shipped main.cf);
// @DOMAIN alone means the same name there.
//
// # What is refused
//
// An [Invalid] input cannot be meant. A [Refusal] is a rule: the row is there
// already, or is not; a target leads in a circle, or is an SRS address; a handle
// is reserved, or is the name of a domain. Some rules yield to Force, where it can
// be meant as a step on the way: a target at a hosted domain that leads nowhere
// yet, an alias whose domain is not hosted yet. Circles never do.
//
// Circles are found with [maps.Walker], the code that the daemons follow
// aliases with, over the rows that the transaction sees and the row to be.
//
// # Two at once
//
// Each change is one transaction on the first host that takes writes, and those
// of this program take turns (store.Edit), so of two that add one alias one is
// refused, and two cannot close a circle together. The turn is taken on the
// server and waited for two seconds; other programs take none. Against them
// stand the unique keys: one alias is one row whatever happens, and a circle that
// two programs close in the same moment is answered as "not found" by the daemons
// and listed by `postern check`.
//
// # Security
//
// Passwords arrive as hashes and are never printed; of a stored one only the
// scheme is shown.
//
// # Known limits
//
// What leads to a domain or an address is found by reading the table once, a
// second or so for two million rows, while other writers of these tables wait
// for nothing but the rows themselves.
package admin
