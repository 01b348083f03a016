// Package limit is the policy check rate_limits: how many messages, recipients
// or bytes a login, a client, a recipient or any other attribute may have in a
// time.
//
// # Rules
//
// A [Rule] counts messages, recipients or bytes by a key, in one window or in
// several that must all have room. A window N/PERIOD lets N through at once
// and refills evenly: 60/1m has room for one more each second. All rules are
// judged, and charged, in one step of the store ([counter.Store]): if a rule
// refuses, no rule is charged. That step comes after every other check of the
// chain let the mail pass, so what another check refuses costs nothing. What
// Postfix refuses later stays charged; asking at DATA keeps that small.
//
// # Keys
//
// A key is any attribute of the policy protocol, or
//
//	recipient_domain  what stands behind the last @ of the recipient
//	sender_domain     the same of the sender
//	alias_owner       the addresses where the recipient's alias leads, each of
//	                  them once, 100 at most
//
// or a pair of these, as in client_address+recipient_domain. Case does not
// matter, except in queue_id and instance.
//
// An empty key never matches: a rule on sasl_username does not see mail from
// outside, one on sender does not see bounces. For a pair, either part will
// do. The word "unknown" in the names, addresses and ports of client and server
// is empty too, and so is a client_address that is no IP address. At
// DATA and END-OF-MESSAGE of a message with several recipients Postfix names
// none of them: rules on the recipient side count at RCPT.
//
// client_address is a network: IPv4 /32 and IPv6 /64 unless the rule says
// otherwise. IPv4 in IPv6 is IPv4.
//
// user+tag is the recipient user: with recipient_delimiter set, the extension
// is cut from the keys recipient and alias_owner, because Postfix hands it on
// to where the alias leads. As recipients of one message user+a and user+b are
// two. Senders are taken as sent: a rule on sender is for what the client
// cannot invent, and that is sasl_username.
//
// # When it counts
//
// Postfix asks at several states, and however it is wired every message counts
// once:
//
//	messages    one at the first of RCPT, DATA and END-OF-MESSAGE
//	recipients  one for each recipient at RCPT, topped up to recipient_count
//	            at DATA and END-OF-MESSAGE
//	bytes       at END-OF-MESSAGE, where the size is known
//
// The message is known by the attribute instance, which is unique per host; so
// [Options.Host] and the address that the client connected to go with it.
// Where instance is empty (CONNECT, EHLO, MAIL, VRFY, ETRN) nothing is counted.
// BDAT is DATA. A recipient that is given twice in one message is one at RCPT,
// and two at DATA, where only the number is known.
//
// # Over the limit
//
// defer answers 450 4.7.1 and reject 554 5.7.1, both with what is limited, how
// much, and when to try again; hold, prepend and discard do as access(5) says.
// The value of a key is never in a reply: where an alias leads is private. The
// first rule that refuses decides, with the longest waiting time of all that
// do; hold goes before prepend. PREPEND is not possible at END-OF-MESSAGE and
// counts as a verdict in shadow there. What hold and prepend let go on over
// the limit is not charged.
//
// A cost above the whole limit will never fit. defer and reject then answer a
// login for good, 554 5.7.1 or 552 5.3.4 for bytes; mail without a login gets
// 452 4.5.3, so that the sending host splits it, or 452 4.3.1 for bytes.
//
// # Exempt, and limited otherwise
//
// An [Exemption] names clients, logins and values of the key that are not
// counted. Values are compared with the key as it is counted.
//
// [Rule.Limits] is a map that is asked for the value of the key, and then, if
// that is an address without a limit of its own, for @DOMAIN. A client is asked
// for as it is counted: 192.0.2.1, or 2001:db8::/64. Values of the map are
//
//	500/1d            in place of the rule's windows
//	500/1d, 60/1m     several windows, apart by commas or blanks
//	0/1d              nothing may pass
//	unlimited         not counted
//	default           the rule's windows; the domain is not asked
//
// A value that is none of these, and a map in trouble, leave the rule's
// windows in force, with a warning and a metric. Changed limits keep the count.
//
// # In trouble
//
// [Rule.Fail] says what becomes of mail when the store, or the map of the
// aliases, is in trouble: no answer, so that Postfix takes its default_action;
// open: the rule is passed over; closed: 451. The strictest rule in trouble
// decides. If the store is full of keys that are over their limits, a new key
// passes unless its rule fails closed.
//
// A rule in shadow mode is judged, charged for mail that goes on, and reported
// when it is over. It never influences the answer, not even in trouble.
//
// # Known limits
//
// A message that is refused because its counter found no room, under a rule
// that fails closed, stays charged to the other rules. Without server_address
// (before Postfix 3.2) two instances of Postfix on one host can, in theory,
// give two messages one name. The map of limits is asked before the store, so
// a slow one delays the mail; put a cache before it.
package limit
