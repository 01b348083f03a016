// Package greylist is the check "greylist" of the policy daemon: mail from a
// sender that was not seen before is deferred once. A mail server comes again;
// much of what sends spam does not.
//
// It costs good mail a delay, so it acts only where a chain names it.
//
// # What is asked
//
// Only RCPT, only mail without a login. These never wait: clients and senders
// of the skip lists, a client whose address is not known, a recipient that the
// map Recipients switches off, and the null sender to a valid SRS address of
// ours, which is a bounce that somebody expects.
//
// # Triplets
//
// An attempt is known by three things:
//
//   - The group of the client: the sender's domain if SPF lets the client send
//     for it, else the pool that its verified name is in, else its network (/24
//     and /64). So a provider that tries from another of its hosts each time is
//     one sender.
//   - The sender's domain, which is empty for the null sender. A sender of VERP
//     never repeats its local part.
//   - The recipient's owner: where the alias leads, else the recipient without
//     its extension. All aliases of one person are one.
//
// Addresses are folded, a dot at a domain's end is cut.
//
// # Times
//
// The first attempt is answered DEFER_IF_PERMIT with the time to wait (Delay),
// and so are all until then. After it an attempt passes, if it comes within
// RetryWindow of the first; a later one begins anew. What passed is known for
// PassLifetime after its last pass. A message that had to wait at one recipient
// waits at the others of the same owner, however slow it is: it is the next
// message that passes.
//
// # Trust
//
// A message that passes counts once for its network or pool, and once for the
// domain that SPF lets it send for, after all other checks let it pass: what
// another check refuses earns nothing. A group with AutoPass such messages is
// trusted, and not asked any more until AutoPassLifetime after its last pass.
// (Passes of a trusted group are written down hourly at most.) Trust is looked
// at before anything else that costs.
//
// A greylisted attempt ends the chain, so it is charged to no limit.
//
// # Shadow
//
// A check in shadow does not make anybody come again. What it would have
// deferred and other checks let pass is therefore remembered as if it had
// waited, without a pass for its groups; the counts in shadow are those of
// mail that would be delayed.
//
// # Stores
//
// Two stores have the same manners. [Memory] is of this process and is kept in
// a file. [Redis] is shared by hosts: what one has seen, another lets pass. A
// store in trouble lets all mail pass, which is counted and, when it begins and
// ends, logged.
//
// In memory are 1,000,000 rows unless said otherwise. When they are full,
// triplets that wait make room first as long as they are more than a quarter,
// then what passed longest ago. A flood so costs nobody his pass; while it
// lasts it may make those wait again who wait already.
//
// Keys in Redis begin with {postern}:grey: and hold no address: parts are 96
// bits of HMAC-SHA256 under a key that all hosts share.
//
//	{postern}:grey:g:KIND-HASH               a group: network, pool or spf
//	{postern}:grey:t:KIND-HASH:HASH:HASH     a triplet: group, sender domain, owner
//
// The null sender is "null". Equal parts have equal hashes, so a list shows
// what belongs together, and a release finds it. Values are hashes of a few
// numbers; a release steps over fields that it does not know, so hosts of two
// releases can share a server. Keys expire by themselves. The server's user
// needs ~{postern}:* and +eval +evalsha +time +hmget +hset +hsetnx +hincrby
// +pexpire, and to list and release +scan +hexists +hgetall +pttl.
//
// # Clocks
//
// The clock is the host's, or the Redis server's. One that is set back makes
// nobody wait longer than Delay. One that is set forward makes the store forget
// what is over by then, so known senders wait once more.
//
// # Security
//
// The reply says how long to wait and nothing else, above all not where an
// alias leads. [Entry] tells that to the operator, out of memory only. The
// sender can be forged, so SkipSenders lets through who knows of it; pools and
// SPF cannot. A trusted network is trusted for all senders in it.
//
// # Known limits
//
//   - A sender that never comes again, and one whose hosts have neither names
//     nor SPF in common, loses mail. Skip lists are for those.
//   - Release knows the SPF group and the pools of a client only as
//     possibilities, and marks them all.
//   - A Redis database that is full, or that evicts keys, forgets: mail waits
//     once more.
package greylist
