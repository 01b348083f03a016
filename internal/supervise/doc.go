// Package supervise is a parent process that keeps privileges, files and
// listeners, and starts a worker process for each load of the configuration.
//
// # Why two processes
//
// A worker that has dropped its privileges, and lives in another root
// directory, cannot read a secret of root's again. So it never does: the parent
// reads it, at each load, and hands it over. (PostSRSd's unprivileged-user and
// chroot-dir, RUN_AS and CHROOT of its 1.x, work with SIGHUP for that reason.)
//
// The parent speaks to no client. It opens the sockets, reads the files and
// watches over its workers, which do all the rest.
//
//	parent := &supervise.Parent{Command: supervise.Self("serve", "--worker"), Load: load, Log: log}
//	process := daemon.Process{Log: log, Reload: parent.Reload}
//	err := process.Run(ctx, parent.Run)
//
//	// serve --worker:
//	err := supervise.Worker{Serve: serve, Apply: apply, Log: log}.Run(ctx)
//
// # What a worker has
//
// Descriptors 0 to 2, of which 0 is /dev/null; a socket to the parent as
// descriptor 3; the listeners from 4 on. Nothing else is inherited, not even
// what the parent itself was started with unawares. Settings come through the
// socket: arguments and environment are no place for secrets, nor is a disk.
// The environment is that of the parent without what is between the parent and
// the service manager (NOTIFY_SOCKET, WATCHDOG_*, LISTEN_*). Parent and worker
// are the same program ([Self]), also after an upgrade has replaced its file.
//
// # Confinement
//
// Before a worker opens anything it changes its root directory and its working
// directory, gives up the supplementary groups, the group and the user, in this
// order, and makes sure that root cannot be regained. The parent looks the user
// up, since a chroot has no passwd(5). Who is not root may name himself, and
// then keeps the groups he has. What lies outside the chroot is gone:
//
//   - A host name, as that of a Redis server, is looked up by way of
//     etc/resolv.conf and etc/hosts in the chroot; without them, of a name
//     server on 127.0.0.1. A unix socket must be in the chroot.
//   - The local time zone is read before. Others are in usr/share/zoneinfo.
//   - syslog(3) is at /dev/log: [Worker].Prepare can open it before.
//
// # A reload
//
// The new worker starts beside the old one. When it is ready, the old one
// closes its listeners, which it shares with the others: who connects waits in
// the queue of the kernel and is refused at no time. The connections that the
// old worker has stay with it until the client leaves, LameDuck at most, and
// are answered by the new settings too: these are sent to all workers that are
// leaving. Those that cannot use them, or are confined otherwise than the
// new load wants, drain at once. Reload returns when all that is done.
//
// If anything goes wrong before the new worker is ready (a file cannot be
// read, the user is unknown, a database does not open, thirty seconds are
// over), nothing has changed, and the error tells the cause, in the words of
// the worker if it had any.
//
// # Deaths
//
// A worker that dies is replaced, with the settings of the last good load and
// pauses that grow from 0.1 s to 30 s while new ones die too. Its connections are
// lost, its listeners are not: clients wait. A worker whose parent has died
// drains and ends; it sees the end of the socket, and the kernel tells it
// (PR_SET_PDEATHSIG).
//
// # Signals
//
// SIGTERM, SIGINT and SIGHUP are for the parent alone. A worker ignores them,
// so it makes no difference whether a service manager sends them to one
// process or to all (KillMode=), and it has a process group of its own, so that
// Ctrl-C does not even reach it. When the parent is told to stop, it closes the
// listeners and has all workers drain at once. After LameDuck, or at a stop, a
// worker has Grace to drain; what is left then is killed.
//
// READY and RELOADING are told by the parent, which is the main process
// (NotifyAccess=main).
//
// # Security
//
// Parent and workers cannot be dumped or traced by their own user. What a worker
// reports is bounded and taken for text, as it may have been taken over by who
// it serves. Such a worker has the secrets and the listeners, however: it could
// answer anything, or shut the listening sockets down for all.
//
// # Known limits
//
// A chroot without a user does not hold root. A stop that comes before the
// first worker is ready, or during a reload, kills the worker that starts, which
// has served nobody yet. A parent that is killed, and a worker that hangs, are
// ended by the worker's own clock, after Grace. Without CAP_KILL the parent
// cannot kill workers of another user: those that it would have killed end by
// their own clocks, too, and one that is frozen (SIGSTOP) is waited for.
package supervise
