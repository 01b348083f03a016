// Package envelope keeps original envelope senders that are not embedded in
// an SRS address.
//
// # What is stored and why
//
// An SRS address carries the original sender in its local part, which may have
// 64 octets (RFC 5321 section 4.5.3.1.1). A sender who does not fit is stored
// here, and the SRS address carries an alias of him in place of his address:
//
//	SRS0=HHHH=TT=1=DCJGDE6N24LCRT41A4T0G1UIF0DTKKQJ@srs.example.org
//
// The alias is the SHA-1 of the address in base32hex ([Alias]), the host is
// "1". It says nothing of who may send to it: that is what the hash and the
// time stamp of the SRS address are for. PostSRSd with original-envelope =
// database stores every sender that way; Options.Exact does all as it does.
//
// # Where
//
// In an SQLite file or in a Redis server; [Open] has the forms. Both are laid
// out as PostSRSd 2.x does it, so that a user keeps his senders, can go back,
// and both programs may even run side by side on one store:
//
//	SQLite  table kv (k, v, lt), index ltidx: '<alias>@1', the address, expiry as Unix time in s
//	Redis   SETEX PostSRSd/<alias>@1 <life in s> <address>
//
// Several processes and hosts may share a store; hosts that share an SRS
// secret must, or one cannot take back what the other has sent.
//
// # How long
//
// [Lifetime], 24 days from the last mail of a sender: an SRS address is valid
// for at most 22 days, a sender who writes again within a day is not written
// again, and the clocks of hosts may differ by a day. So a row outlives every
// address that was signed for it. Whether a sender is stored already is read
// from the store each time, never remembered: what a sweep, another program
// or an administrator has deleted is stored again by the next mail. On Redis
// every mail writes, since asking would cost as much. Exact keeps PostSRSd's
// 21 days and writes for every mail.
//
// Expired senders are not given out. In SQLite they are deleted every hour,
// in batches; with Exact they are given out, and deleted when the store is
// opened. Redis deletes by itself.
//
// # How much
//
// An SQLite file takes about 115 bytes for a sender and the bytes of his
// address: a million of 100 bytes take 215 MB; in Redis the same take 260 MB
// of memory. Addresses have at most [MaxAddress] bytes. Options.MaxEntries
// bounds a file: once it is reached and nothing has expired, new senders are
// refused with "store is full" (their mail is deferred, embedded ones and
// renewals go on). The rows are counted at the start and by each sweep; several
// processes on one file may together exceed the bound by what they add within
// an hour. A file never shrinks; sqlite3 FILE VACUUM while the daemon is
// stopped gives the space back.
//
// A Redis server is bounded by its own maxmemory. Set maxmemory-policy
// noeviction (its default): with another one it silently drops senders, which
// the log tells. Give the store a database number of its own if you want to
// read its size in the metrics: what is counted there are the keys of the
// database.
//
// # Trouble
//
// An operation ends within Options.Timeout. What could not be done or read is
// an error, never "not found", and every error is temporary but those that say
// that an address cannot be stored at all. A file that another program has
// locked is waited for. A full disk and a Redis server that is away, loading,
// a replica or out of memory are over when they are over; nothing has to be
// restarted. A file that was exchanged is opened anew, one that vanished is
// trouble until it is back or the store is opened again: it is not made anew
// in passing, for its senders are still owed their bounces.
//
// SQLite syncs every transaction to disk, and so a sender is stored before
// his address is handed out, also if the power fails. With Redis that is up to
// the server: without appendonly yes (redis.conf) a crash loses the senders
// since the last save. A failover by Sentinel may lose those of its last
// moments.
//
// # Privacy and security
//
// The store says who has sent mail through this host in the last 24 days. A
// new file has mode 0600; one that PostSRSd has made is often readable by all,
// and a warning says so. Guard a Redis server by a password, an ACL user (he
// needs GET, SETEX, SELECT, DBSIZE and INFO, keys PostSRSd/*) and rediss://
// across a network: whoever can write to it can direct bounces of valid SRS
// addresses to anybody. An alias is a hash without a key: who sees one can
// test whether it stands for an address he guesses.
//
// Passwords appear in no error and no log, nor do stored addresses.
//
// # Known limits
//
//   - The file and its folder must be writable, and on a local disk: SQLite's
//     locks do not hold on every network file system.
//   - Stop the daemon before a file in write-ahead-log mode is exchanged (the
//     files made here and by PostSRSd are not): SQLite would apply the log of the
//     old file to the new one.
//   - A clock that jumps weeks ahead expires everything. Let the daemon start
//     after the clock is set (time-sync.target).
//   - Two addresses with one SHA-1, which take a deliberate effort, share an
//     alias; the last to write is who it stands for.
//   - The Redis library's own messages (it has few, a failed connection is
//     none of them) go to its process-wide logger, which a program may set with
//     redis.SetLogger; a library should not.
package envelope
