// Package redisserver reaches Redis servers: it reads where they are, dials
// them and says in plain words what went wrong.
//
// # Locations
//
//	redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]                         a server; rediss:// with TLS
//	redis+sentinel://[USER:PASSWORD@]HOST[:PORT][,HOST…]/MASTER[/DATABASE] the master that these Sentinels name
//	redis+cluster://[USER:PASSWORD@]HOST[:PORT][,HOST…]                    a Cluster that these are nodes of
//	redis:HOST:PORT, redis:/PATH/TO/SOCKET                                 as PostSRSd writes it
//
// The port is 6379, of a Sentinel 26379. USER and PASSWORD are percent-encoded;
// a password that is kept in a file of its own is added by
// [Location.WithPassword]. With Sentinels they are the master's: the Sentinels
// themselves are asked without a password.
//
// # Behaviour
//
// A client connects when it is first used. What cannot be reached is an error
// of the command, within its context; the library's own ways, which are to
// write failed dials to a logger of the whole process and to dial again by
// itself, are kept from happening. Sentinels are asked anew for every
// connection, a Cluster's redirections are followed.
//
// # Security
//
// No error and no [Location.String] holds a password. [Cause] keeps what a
// server quotes of a command's arguments out of its text.
//
// # Known limits
//
//   - No TLS to Sentinels and Clusters.
//   - A server's certificate is verified, TLS 1.2 is the least; no client
//     certificate is sent.
package redisserver
