// Package scratch starts private servers in scratch folders: MariaDB, Redis,
// Postfix and a sink for the mail that leaves. Tests, benchmarks and the demo stand on
// them.
//
// # Use
//
//	db, err := scratch.StartMariaDB(ctx, scratch.MariaDBOptions{Database: "maildb"})
//	sink, err := scratch.StartSink(ctx, scratch.SinkOptions{})
//	mta, err := scratch.StartPostfix(ctx, scratch.PostfixOptions{
//		Main:  map[string]string{"relayhost": sink.Nexthop(), "virtual_alias_maps": "mysql:$config_directory/alias.cf"},
//		Files: map[string]string{"alias.cf": "…"},
//	})
//	replies, err := scratch.Submit(ctx, mta.Addr(), "a@example.org", []string{"b@example.com"}, "Subject: hello\n\nhello\n")
//	messages, err := sink.Wait(ctx, 1)
//
// Package scratchtest does the same for a test, with its end of life. A
// server is ready when its Start function returns, in less than a second as a
// rule. Several of each kind run side by side.
//
// # What they touch
//
// Each server has a folder /tmp/postern-KIND-* and ports of 127.0.0.1 between
// 20000 and 32000. The machine's own servers, /etc/postfix, /var/spool/postfix
// and /var/lib/mysql are neither read nor written; programs, and Postfix's
// tables of shared objects, are the machine's, or those of another Debian that
// stands in a root folder (package trixie). The system tables of MariaDB are
// kept as a copy in the user's cache folder.
//
// # Their end
//
// Stop may be called twice and ends what was started, by its process number.
// If this program is killed, the kernel kills MariaDB, Redis and the sink
// (prctl(2) PR_SET_PDEATHSIG); Postfix, which is no child of ours, is stopped by a shell
// that waits for our end. A folder that is left nevertheless has no lock any
// more, and the next start of the same kind removes it.
//
// # Security
//
// The MariaDB folder is readable by all, root of the database has no password
// over the unix socket in it, and the servers have no limits: they are for
// test data on a machine whose users are trusted.
//
// # Limits
//
// Linux only. Postfix needs root. A commit to MariaDB survives Kill, but not a
// crash of the machine.
package scratch
