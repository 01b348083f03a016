// Package dkim keeps the tables and keys of OpenDKIM (KeyTable, SigningTable,
// keys/DOMAIN/SELECTOR.private) with the hosted domains, and knows the DNS
// record of each key.
//
// # Files
//
// All of them are in one folder, /etc/opendkim:
//
//	KeyTable                        NAME DOMAIN:SELECTOR:FILE
//	SigningTable                    *@DOMAIN NAME
//	keys/DOMAIN/SELECTOR.private    an RSA key, PEM, PKCS #1 or PKCS #8
//
// NAME is SELECTOR._domainkey.DOMAIN. In the two tables [Sync] owns the lines
// between two marks, and nothing else:
//
//	# BEGIN postern dkim sync, selector mail: …
//	# END postern dkim sync
//
// The first mark remembers the selector, so that later runs keep to it. All
// other lines are kept byte for byte. Where one of them, above the marks,
// already signs for every address of a domain, OpenDKIM would never read ours:
// such a domain is left to that line, and gets no key.
//
// # Keys
//
// A key that exists is never written, whatever is in it: a signature stands or
// falls with the record that somebody has published. So a key file appears
// whole, under a name that nobody has taken (link(2)), or not at all. Who has a
// key that is empty, unreadable or no RSA key is told so, and the lines of that
// domain stay as they are: OpenDKIM then defers its mail instead of sending it
// unsigned.
//
// # Domains
//
// A name is what DNS calls a host name (RFC 1123, section 2.1), in lower case
// and in ASCII: others are refused, since the name is part of a path and of a
// line. Names in other scripts are written as xn--… (RFC 5890). Only the domain
// itself is signed for. A subdomain that sends mail is a domain of its own, with
// a key of its own: it may belong to somebody else.
//
// A domain that is no longer hosted loses its lines; its key stays, so that it
// can come back, and so that mail under way can be verified.
//
// # Order
//
// OpenDKIM defers the mail of a domain whose key KeyTable lacks. So KeyTable is written first with the lines of both states, then SigningTable,
// then KeyTable again without what is no longer used. Each write is a file
// beside the table, synchronised, and a rename: whenever a run ends, by a crash
// or a full disk, the tables fit each other, and the next run finishes.
// Two runs at once wait for each other (flock(2) on the folder).
//
// # Security
//
// Keys are readable by OpenDKIM's user alone, folders are not writable by it: an
// intruder there can sign, but not have root write elsewhere. Paths below keys
// are resolved without leaving it ([os.Root]). Tables are root's and readable by
// OpenDKIM's group, as it reads them again without privileges when reloaded.
//
// # Limits
//
// OpenDKIM compares patterns one by one: tens of thousands of domains cost
// milliseconds for each message. One selector signs; a second signature, or
// one with Ed25519, is written by hand, outside of the marks.
package dkim
