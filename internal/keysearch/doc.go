// Package keysearch makes the search that Postfix makes in a mysql: table.
//
// # Why
//
// A mysql: table is asked in parts: for user+tag@example.com also user@example.com
// and @example.com, in lower case. A socketmap or tcp table is asked the whole
// key only, in the case as received, and its value is taken for a match of the
// whole key. So what answers a socketmap must search itself, and must return
// values from which Postfix arrives where it would have arrived with a mysql:
// table. [New] puts that search in front of any maps.
//
// # Folding
//
// Every form is folded (lookup.Fold) before it is asked. Extensions are cut
// from the key as received and keep their case.
//
// # Which keys are asked
//
// In this order, each of all sources from left to right before the next form:
//
//	exact           the key
//	virtual         user+tag@dom, user@dom, (user+tag, user), @dom
//	canonical       as virtual
//	sender-login    as virtual
//	address         as virtual
//	access-address  user+tag@dom, user@dom, dom, its parents, user+tag@, user@
//	transport       user+tag@dom, user@dom, dom, its parents
//	access-domain   a name and its parents; an address and 1.2.3, 1.2, 1, or
//	                2001:db8:, 2001:db8, 2001 of 2001:db8::1
//	domain          a name and its parents
//
// The local parts in brackets are asked where Options.Local knows the domain.
// The parents of a.b.c are b.c and c, with transport .b.c and .c; see
// [ParentStyle]. Parents beyond 255 bytes, the longest name of DNS, are passed
// over. The domain of an address may be empty or a literal; "@" is asked and
// "2.1]" is, because Postfix does.
//
// A key without an @ is asked whole in every class of addresses. It is the
// name of a domain, where virtual_alias_domains = $virtual_alias_maps, or one
// of Postfix's own keys: "<>" and `""` for the null sender, "*" of transport.
//
// # Quotes
//
// Postfix asks for addresses with the quotes that they need ("john doe"@dom),
// and for all tables but those of cleanup(8) once more without, for the sake of
// old tables. In a mysql: table both spellings of a form come before the next
// form, so sender-login, address, access-address and transport ask both here.
// The second question of a Postfix that found nothing finds nothing again.
// virtual and canonical ask in the spelling of the key, since cleanup(8) knows
// the quoted one only; smtpd(8), which wants to know whether there is any
// value, then asks for the other.
//
// # Extensions
//
// A local part is cut at its first delimiter that is not its first character;
// a delimiter at the end makes an extension too. postmaster, mailer-daemon,
// double-bounce and, where a hyphen is among the delimiters, owner-list and
// list-request are never cut.
//
// A value of virtual or canonical that was found without the extension gets it
// appended to each of its addresses (Options.Propagate), in the same place and
// with the same quotes as Postfix would, so that no character of it is read as
// anything but a part of the local part. A value that begins with an @ stands
// for the local part of the key without its extension at that domain; with
// Options.Propagate the extension comes back. In all other cases the value is
// returned as the table has it; see [ParseAddresses] for how Postfix reads it.
//
// # Trouble
//
// An error ends the search, like maps_find in Postfix: a table further right
// must not answer for one that is down. An empty value is an error. Only
// lookup.Unsure is stepped over; if nothing is found after it, the search is
// repeated once with lookup.WithFresh, and what is still unsure then is the
// answer.
//
// # Security
//
// The extension is what a stranger typed. It is put into an address only behind
// a local part and quoted where any of its characters has a meaning in an
// address list: root as a value and "x+a%evil.example" as a local part make
// "root+a%evil.example" at our own domain, not root+a at another's.
//
// # Known limits
//
// With a key that is no valid UTF-8 and SMTPUTF8 on, Postfix asks a socketmap
// nothing, but a mysql: table for the forms that lack the bad part.
//
// A local part that itself contains a quoted string ("\"a b\""@dom) is asked
// the second time as "a b"@dom, which cannot be told from that address.
//
// A HELO name that is a bare network address looks like a client address; see
// Options.WholeAddresses.
//
// percent_hack and swap_bangpath are taken to be on, as they are by default,
// where an extension goes to a value without an @.
//
// An extension that is propagated to a null value ("<>") gets @$myorigin, and
// one that is propagated to what is no address ("<!a <b>") other blanks.
package keysearch
