// Package site fills the values of a site into the configuration that this
// project ships: postfix/, dovecot/ and opendkim/, as they stand.
//
// # Grammar
//
// The shipped files are configuration for a host that does not exist: its name
// is mx.example.org, its SRS domain srs.example.org, its operator
// ops@example.net. Filling in means to replace these, wherever they occur, by
// the values of the site; nothing else is touched. So each shipped file can be
// read, parsed and tested as it is.
//
//	mx.example.org         Values.Hostname
//	srs.example.org        Values.SRSDomain
//	ops@example.net        Values.Operator
//	/etc/postfix/tls.pem   Values.TLSChain
//	DATABASE-PASSWORD      Values.DatabasePassword
//
// # Where the files go
//
// Files names them by their places on a Debian host, below /etc. Dovecot's
// configuration changed with 2.4: Debian 12 gets the older form.
//
// # Security
//
// Files with the password are written with mode 0640, and the owner of who
// writes: giving them to a group is up to the installer. A file that is there
// and differs is left alone, unless its backup was asked for.
package site
