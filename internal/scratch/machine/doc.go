// Package machine runs a program on a machine of its own: the files of this
// Debian or of another one, with a network, processes, a hostname and mounts
// that nobody else sees. Servers run there at their real paths and ports, with
// the configuration that would be used on a real host, and nothing of it
// reaches the machine underneath.
//
// # Use
//
// The program is the one that asks, usually a test binary: TestMain enters,
// and the tests run inside.
//
//	func TestMain(m *testing.M) {
//		os.Exit(machine.Main(m.Run, func(ctx context.Context, repository, dir string) (machine.Options, error) {
//			return machine.Options{
//				Hostname: "mx.example.org",
//				Binds:    []machine.Bind{{From: filepath.Join(dir, "postern"), To: "/usr/bin/postern"}},
//			}, packagetest.BuildPrograms(ctx, repository, dir, "./cmd/postern")
//		}))
//	}
//
// Another program asks Run and Inside themselves, which Main is made of.
//
// Inside, everybody is root of a Debian whose services have not been started.
// NewOutside makes the rest of the internet: a second network behind a router,
// with addresses to listen on and to come from. NewSyslog is what daemons log
// to.
//
// # A machine with systemd
//
// Options.Boot makes systemd process 1, and runs the program, as root and
// outside of all units, when multi-user.target is reached. Of Debian's units
// the journal, systemd-tmpfiles-setup and dbus.socket run, no other: all that
// is enabled (in any .wants or .requires folder) is disabled, units can be
// started and enabled by name, and "multi-user.target" can be started again to
// see what a boot would start. A policy-rc.d(8) is removed, so packages start
// their services as on a real host. systemctl, journalctl and systemd-run work.
//
//	status, err := machine.Run(ctx, machine.Options{Root: root, Boot: true, …}, os.Args[1:]...)
//
// NewSyslog is not for these: /dev/log is the journal's.
//
// # How
//
// The kernel starts a shell in namespaces of its own (mount, PID, network,
// UTS, IPC). It lays an overlay over the root folder, whose upper side is in
// memory, mounts /proc, an empty /tmp and /run and a small /dev, and runs the
// program in a chroot there. The shell is process 1: it reaps what daemons
// leave, and with its end the kernel kills all processes, and the mounts and
// the network are gone. With Boot, systemd takes the place of the shell, in a
// control group of its own that is removed afterwards; the shell's child waits
// until it is up, runs the program, and its end is that of the machine. The machine ends when the program ends, and the kernel kills it
// when the program that called Run dies, however that happens. So there is nothing to clean up.
//
// # Go programs in another Debian
//
// A test binary is linked to the C library when it uses cgo, with -race for
// example. It runs with the C library of the root folder then: one at least
// as new as this machine's will do. A program for both is built with
// CGO_ENABLED=0.
//
// # Limits
//
// Linux, root, mount(8), and overlayfs in the kernel. It fails with the step
// that failed; it never goes on without. What is written is kept in memory,
// and ends with the machine. The root folder must not be written to meanwhile by others where
// the machine looks: the files of a running server do not belong into two
// machines.
//
// # Security
//
// The program is root inside and out: the machine keeps tests apart, it is no
// prison.
package machine
