// Package spf is the check "spf" of the policy daemon: may this client send mail
// for this domain (Sender Policy Framework, RFC 7208)? The evaluation is
// blitiri.com.ar/go/spf; what is done with its result, the cache, the time limit
// and the header are here.
//
// # What is checked
//
// At RCPT, mail from outside: the domain of the envelope sender, or the HELO name
// of a null sender, as postmaster there (RFC 7208, section 2.4). Logins are not
// checked, nor this host (loopback addresses, which no domain can permit), nor
// what the skip lists name. A sender without a domain, a domain of one label, an
// address literal and a client whose address is unknown have the result none,
// without a lookup. International domains are asked about in A-labels.
//
// # Results and acts
//
//	fail       reject   550 5.7.23 (RFC 7372)
//	softfail   pass
//	neutral    pass
//	none       pass
//	pass       pass
//	temperror  pass
//	permerror  pass
//
// These are the defaults. Any result can be prepend, which puts a Received-SPF
// header before the message, or pass, which only counts; with Header all that
// pass by default are prepend. fail, softfail and permerror can be reject or
// defer, temperror can be defer (451 4.7.24) but never reject, because trouble
// of the DNS is no reason to refuse mail for good.
//
// # On a host that forwards, and behind one
//
// SPF knows the last host only. Mail that another host forwards to us without
// rewriting its sender comes from a client that the sender's domain never heard
// of: the result is that domain's fail or softfail, though nothing is forged.
// A domain that says "-all" has asked for that, so fail is refused by default;
// one that says "~all" (softfail) has asked not to be refused for it (RFC 7208,
// section 8.5), so it is let pass. List the hosts that forward to you, backup MX
// hosts among them, in SkipClients. What this host forwards itself is a matter
// of SRS and not of this check.
//
// # Memory
//
// A result is kept for Keep by client, HELO name and sender, since a record may
// ask for all of them by macros; so the recipients of a message cost one
// evaluation, and those who ask at once share one. temperror is kept for ten
// seconds at most. The records' own times to live are the name server's affair.
// Keys are hashes: no address is held. A clock that is set back makes a result
// old.
//
// # Limits
//
// An evaluation has Timeout in all, waiting for a free place among Parallel
// included; then it is temperror. That holds with a resolver that does not heed
// its context, too; such a lookup keeps its place until it ends, so their number
// is bounded. The library keeps to the limits of RFC 7208, section 4.6.4: ten
// terms that ask the DNS, ten names for mx and ptr each, two lookups without an
// answer.
//
// # The header
//
//	Received-SPF: pass (example.com designates 192.0.2.1 as permitted sender)
//	    identity=mailfrom; client-ip=192.0.2.1; envelope-from="alice@example.com";
//	    helo=mail.example.com; receiver=mx.example.org
//
// It is one line. A message gets one, however many recipients it has: Postfix
// keeps a header that it was told for the whole message. The answer that carries
// it must be the daemon's answer, so where a later check refuses the first
// recipient, the second carries it. HOLD of another check takes its place.
// Postfix puts it above its own Received. Headers of this name that came with
// the message stay below; who reads ours must look at the receiver. After a
// restart amid a message there may be two.
//
// # Security
//
// HELO and sender come from the client: in the header they are quoted, and what
// is not printable ASCII is a question mark there, also in addresses of
// SMTPUTF8. Replies hold the domain and the client only; the domain's own
// explanation (exp=) is not asked for. A sender whose local part holds an "@" is
// checked by what follows the last one. SkipSenders trusts a name that anybody
// can give.
//
// # Known limits
//
// A local part with characters that no host name has (+ and = among them) cannot
// be found by a macro, as Go's resolver refuses such names. The HELO name is
// checked for null senders only. A resolver on this host is advised: the answers
// of the DNS are not kept here beyond results.
package spf
