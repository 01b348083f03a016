// Package doctor finds what is wired wrong on a host: in main.cf and master.cf,
// in postern.yaml, in opendkim.conf, in the rows of the database, at the sockets
// between them, and in DNS. It tells what that does to mail, and the fix. It
// changes nothing.
//
// # Findings
//
// A [Finding] is one line: severity, place, effect, fix, and the name of its
// [Kind]. The kinds are the tables of docs/check.md, which the tests write. A kind
// has one severity: error for mail that is lost, misdirected, forged, relayed or
// stopped, warning for a risk, note for taste and for what could not be looked
// at. Nothing is guessed: a file without rights, a database or a DNS that does
// not answer is a note that says what would be needed.
//
// # How a host is looked at
//
// [Gather] reads the files and opens the database; [Examine] runs the checks over
// the [Host]. All that can fail later or depends on the machine (files, rows,
// sockets, DNS, the clock) stands behind interfaces of the Host, so the tests
// have hosts of paper. [Process] asks through sockets as a process of Postfix
// does: one thread takes on Postfix's user and, where the service is chrooted,
// its root folder, connects, and ends.
//
// # Adding to it
//
// A topic is a file with two functions, its kinds and its check, and a line in
// topics. A parameter that has to have a value is a line in rulesmain.go or
// rulesmaster.go, a restriction that a list needs one in restrictions.go, two
// that have an order one in orders.go, a line of opendkim.conf one in
// opendkim.go. A folder of testdata/broken shows that it is found; TestMutants
// wants every line of the shipped files, and every order in their lists, named.
//
// # Security
//
// It prints no secrets. What files and rows of others say is bounded and
// escaped. Questions through sockets change nothing: a key that no row has, a
// policy request without an attribute that a limit could count.
//
// # Known limits
//
// Restriction classes are followed where a list names them, and where the result
// of a table in a file or in main.cf does; not behind a query. Regular expressions and queries are read for the word OK,
// not understood. Names of hosts are resolved outside the chroot. Milters of
// smtpd_milter_maps are not looked at.
package doctor
