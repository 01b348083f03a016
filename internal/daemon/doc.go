// Package daemon is being a Unix process: listening sockets, signals, the
// service manager, the log, the HTTP listener for metrics and the control
// socket. It knows no protocol and no configuration file.
//
// # Addresses
//
//	inet:HOST:PORT   a TCP socket; an IPv6 address stands in brackets
//	unix:/PATH       a unix socket; the path is absolute, at most 107 bytes
//	fd:NAME          a socket that was handed over under this name
//
// The host is never left out: what listens here asks for no password, so
// "every interface" is written down (0.0.0.0, [::]) where it is meant.
//
// # Sockets that outlive the process
//
// A lookup that meets no listener is mail deferred. So a restart, even a
// crash, should leave somebody listening:
//
//   - Sockets handed over (sd_listen_fds(3)) belong to systemd, or to any parent
//     that speaks its protocol: LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES, files
//     from descriptor 3. [Sockets.Listen] takes the one whose address is the
//     configured one, whatever its name, or that has the name of an fd:
//     address; names may repeat and are then taken in order. The queue of the
//     socket holds the clients while no process is there. Owner and mode are
//     the unit's (SocketUser=, SocketMode=).
//   - TCP sockets of our own have SO_REUSEPORT: a successor of the same user
//     listens before this process has closed. The price is that a second
//     process started by mistake shares the port without a complaint.
//   - Unix sockets of our own are replaced when they are dead and removed when
//     they close, before the drain, if the path still leads to them.
//
// Starting and stopping processes lock the directory of a unix socket
// (flock(2)), so that two that start at once cannot both replace a dead
// socket, and one that stops cannot remove its successor's.
//
// # Unix sockets and their clients
//
// Postfix's processes run as postfix, many in a chroot: the socket belongs in
// a directory below /var/spool/postfix, and its path in main.cf is relative to
// that. The default is mode 0660 and, when started by root on a machine with
// such a user, postfix:postfix. Until owner and mode are set, none but the
// process's own user can connect.
//
// # Life
//
// [Process.Run]: SIGTERM or SIGINT drain, a second one ends the drain, SIGHUP
// reloads; a reload that fails leaves the old configuration in force, shows in
// the log, in the metrics and in `systemctl status`. The service manager is
// told READY, RELOADING, STOPPING, STATUS and WATCHDOG (sd_notify(3)); the
// watchdog is fed during the drain too.
//
// # Security
//
// The metrics listener tells figures and no address. The control socket can
// change things, so it is 0600: the daemon's own user and root. Both bound
// the number and the time of their clients.
//
// # Known limits
//
// Abstract unix sockets and vsock are not supported, as Postfix has neither.
// LISTEN_PID must name this process, as systemd's protocol wants.
package daemon
