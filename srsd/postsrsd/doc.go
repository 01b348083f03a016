// Package postsrsd reads the configuration files of PostSRSd, of both
// generations, so that they need not be changed when its place is taken.
//
// # Purpose
//
// [ReadConf] reads a postsrsd.conf of PostSRSd 2.x, [ReadDefaults] the
// /etc/default/postsrsd of 1.x. Whatever PostSRSd (2.4, 1.10) starts with is
// accepted and means the same. What it refuses is refused, with the line and
// with what would be right; so is what it accepts and fails of later. Texts
// that it accepts and nobody means are warnings. Secrets are not read, sockets
// and databases not opened. [Domains] is the set of local domains of either.
//
// # Grammar of postsrsd.conf
//
// The language is that of libconfuse 3.3:
//
//	name = value
//	domains = { a.example, "b.example", .c.example, }
//	domains += d.example
//
// White space and line breaks part tokens and mean nothing else. `#` and `//`
// begin a comment up to the end of the line, `/*` one up to `*/`. The names of
// options are case-sensitive, and unknown ones are errors. Of an option given
// twice the last one counts; += adds to a list. A list may be a single value
// without braces.
//
// A value is a word without blanks, quotes and any of = { } ( ) + , * #, or a
// string. In "…" a backslash escapes as in C, and hides a line break; ${NAME}
// and ${NAME:-TEXT} stand for a variable of the environment, in a word by
// themselves as well. In '…' a backslash escapes ' and \ alone. Booleans are
// on, yes, true, off, no, false, in any case. Numbers may be octal (010) or
// hexadecimal (0x10).
//
// As libconfuse does, the package drops a lone + or * outside of quotes, and
// what follows a comment or, behind the last option, a string that never ends.
// Each is a warning. There is no include(); PostSRSd has none.
//
// # Options of postsrsd.conf
//
//	domains                {}                          local domains
//	domains-file           none                        more of them, one on each line
//	domains-file-watch     off                         reload when it changes
//	srs-domain             the first local domain      is local, too
//	socketmap              unix:/var/spool/postfix/srs empty: off
//	milter                 none                        empty: off
//	keep-alive             30                          seconds; 0: no limit
//	connection-limit       200                         0: nobody is served
//	milter-recipient-limit 1000                        0: all are rejected
//	milter-rewrite-local   off
//	secrets-file           postsrsd.secret             beside the configuration
//	original-envelope      embedded                    or database
//	envelope-database      none                        sqlite:FILE, redis:HOST:PORT, redis:/SOCKET
//	separator              "="                         or "+", "-"
//	hash-length            4                           1 to 20
//	hash-minimum           4                           1 to hash-length
//	always-rewrite         off
//	unprivileged-user      nobody                      empty: stay
//	chroot-dir             /var/lib/postsrsd           empty: none
//	pid-file               none
//	daemonize, syslog, debug  off
//	seccomp                on
//
// seccomp has no effect here: PostSRSd confines its own workers, for us the
// systemd unit does (SystemCallFilter=). The last six options are read as they
// stand, and it is for the caller to heed them. -c, -p, -u and -D of the
// command line win over the file, see [Overrides].
//
// PostSRSd is compiled with its default paths and its default user. The values
// above are those of a build for the prefix /usr; a distribution may have
// chosen others, and then writes them into the file it ships.
//
// # Endpoints
//
// See [ParseEndpoint]. PostSRSd makes a unix socket with umask 0, so everybody
// may connect; it holds a flock(2) on PATH.lock (mode 0600) meanwhile, and
// removes a socket that is in the way only if it gets that lock. A relative
// path starts at the working directory of the daemon, before any chroot.
//
// # Local domains
//
// A name stands for itself; with a leading dot for all its subdomains, but not
// for itself. A domains-file has one on each line; `#` begins a comment, blanks
// around the name are dropped, and an invalid name is an error of the whole.
//
// # Grammar of /etc/default/postsrsd
//
// Debian's launcher sources the file with sh. Here it is read, never run:
//
//	NAME=VALUE OTHER='…' # comment
//	export NAME="… $OTHER ${OTHER} ${OTHER:-WORD}"
//
// Quotes, backslashes, line breaks behind a backslash and `;` mean what they
// mean to sh. A variable that is not set is empty, with a warning; $myhostname
// and other parameters of Postfix are refused, since only Postfix expands them.
// Commands, `$(…)`, backquotes, conditions, functions, ~, redirections and the
// other expansions are refused: the value itself has to be written. Lines may
// end in CR LF, with a warning (sh would keep the CR).
//
// # Variables
//
//	SRS_DOMAIN           mydomain of Postfix   must have a dot if Postfix is asked
//	SRS_SECRET           /etc/postsrsd.secret
//	SRS_SEPARATOR        =                     or + -; the first character counts
//	SRS_HASHLENGTH       4                     any number; 0 is 4
//	SRS_HASHMIN          4                     any number; 0 is 4
//	SRS_EXCLUDE_DOMAINS  none                  parted by , ; or white space
//	SRS_LISTEN_ADDR      127.0.0.1             empty or *: loopback
//	SRS_FORWARD_PORT     10001
//	SRS_REVERSE_PORT     10002
//	SRS_TIMEOUT          1800                  seconds; negative: none
//	SRS_PID_FILE         none
//	RUN_AS               postsrsd              empty: stay
//	CHROOT               /var/lib/postsrsd     empty: none
//	SRS_EXTRA_OPTIONS    none
//
// The file wins over the environment. Without a file the environment stands
// alone, as with -e of PostSRSd 1.x, and SRS_LISTEN_ADDR, RUN_AS and CHROOT are
// empty by default. Numbers are read as atoi(3) does, with a warning for what
// it skips.
//
// SRS_EXTRA_OPTIONS is split at blanks, without regard to quotes, and read as
// getopt(3) does: -A, -t SECONDS, -XDOMAIN[,DOMAIN], -p FILE, -4, -6, -e (reads
// the timeout and the PID file of the variables again) and -D. Options that
// have a variable of their own have no effect, since the launcher puts the
// variable behind them: a warning. -h, -v and unknown ones are refused.
//
// # Limits
//
// A postsrsd.conf may have 4 MiB, a domains-file 16 MiB, a file of variables 1
// MiB; what variables stand for is bounded likewise. Warnings end after 50.
// Numbers of postsrsd.conf are bounded by 2147483647, where PostSRSd would
// take what is left of them in 32 bits.
//
// # Security
//
// The files belong to root and are trusted not to be hostile, yet nothing in
// them is run, and no text of them reaches a log unescaped or unbounded.
//
// # Known limits
//
// PostSRSd reads a domains-file in pieces of 1023 bytes, so that it takes a
// longer line for several; here a line is a line. It takes a comment inside of
// a list for an error; here it is a comment. sh expands file names (* ? []) in
// SRS_EXTRA_OPTIONS; nothing does here. Users are looked up on demand only:
// [Conf.CheckUser], [Defaults.CheckUser].
package postsrsd
