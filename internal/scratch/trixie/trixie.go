// Package trixie brings Debian 13's MariaDB 11.8 and Postfix 3.10 to a machine
// that has others, as a root folder for package scratch:
//
//	root, err := trixie.Root(ctx, os.Stderr)
//	db, err := scratch.StartMariaDB(ctx, scratch.MariaDBOptions{Root: root})
//	mta, err := scratch.StartPostfix(ctx, scratch.PostfixOptions{Root: root})
//
// # How
//
// debootstrap(8) makes a minimal Debian 13, apt-get in a chroot installs the
// servers in it, without starting them. That takes about two minutes and 700
// MiB under /var/cache/postern; later calls find it there. The servers run in
// the chroot with the network of this machine, so loopback ports work, and unix
// sockets are files under the root folder. While packages are installed,
// /proc is mounted in a mount namespace that ends with the installation.
//
// # Limits
//
// It needs root, and Debian's mirror the first time; without these it is an
// error. Packages are as new as the day of the installation: remove the folder
// to renew them.
package trixie

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"postern/internal/debian"
)

// cacheDir keeps root folders, one per list of packages.
const cacheDir = "/var/cache/postern"

// mirror is Debian's own name for the nearest one.
const mirror = "http://deb.debian.org/debian"

// packages are the servers, and what debootstrap's smallest variant lacks.
// libnet-ssleay-perl is what swaks(1) speaks TLS with.
var packages = []string{"mariadb-server", "mariadb-client", "postfix", "postfix-mysql", "libsasl2-modules",
	"dovecot-core", "dovecot-mysql", "opendkim", "opendkim-tools", "redis-server", "swaks", "libnet-ssleay-perl", "iproute2",
	"systemd", "systemd-sysv", "dbus", "adduser"}

// debianVariable chooses the Debian of tests: "trixie" is 13, nothing is this one.
const debianVariable = "POSTERN_DEBIAN"

// Chosen is the root folder that the environment variable POSTERN_DEBIAN asks
// for; empty is this machine's own Debian.
func Chosen(ctx context.Context, out io.Writer) (string, error) {
	switch name := os.Getenv(debianVariable); name {
	case "":
		return "", nil
	case "trixie":
		return Root(ctx, out)
	default:
		return "", fmt.Errorf("%s=%s: must be trixie, or unset for this Debian", debianVariable, name)
	}
}

// Root returns a folder with Debian 13 and its servers, made now if need be.
// Out gets a line for each step that takes time.
func Root(ctx context.Context, out io.Writer) (string, error) {
	if os.Geteuid() != 0 {
		return "", errors.New("trixie: a Debian root folder is made by root only: run this as root (sudo)")
	}
	if err := os.MkdirAll(cacheDir, 0o755); err != nil {
		return "", fmt.Errorf("trixie: %w", err)
	}
	root := rootPath()
	unlock, err := lock(ctx, root+".lock")
	if err != nil {
		return "", fmt.Errorf("trixie: %w", err)
	}
	defer unlock()
	if _, err := os.Stat(root); err == nil {
		return root, nil
	}
	if err := build(ctx, out, root); err != nil {
		return "", fmt.Errorf("trixie: %w", err)
	}
	return root, nil
}

// rootPath is short, since paths of unix sockets begin with it.
func rootPath() string {
	key := sha256.Sum256([]byte(strings.Join(packages, " ")))
	return filepath.Join(cacheDir, fmt.Sprintf("trixie-%x", key[:4]))
}

// lock waits until no other process makes the same folder.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	locked := make(chan error, 1)
	go func() { locked <- syscall.Flock(int(f.Fd()), syscall.LOCK_EX) }()
	select {
	case err = <-locked:
		if err == nil {
			return func() { f.Close() }, nil
		}
	case <-ctx.Done():
		err = ctx.Err()
	}
	f.Close()
	return nil, fmt.Errorf("lock %s: %w", path, err)
}

// build makes the folder under another name, so that root is whole or absent.
func build(ctx context.Context, out io.Writer, root string) error {
	if err := debian.Install(ctx, out, "debootstrap"); err != nil {
		return err
	}
	half := root + ".half" // of a run that was killed, too
	if err := os.RemoveAll(half); err != nil {
		return err
	}
	defer os.RemoveAll(half)
	fmt.Fprintln(out, "making a Debian 13 root folder for MariaDB 11.8 and Postfix 3.10, once")
	if err := run(ctx, "", "debootstrap", "--variant=minbase", "trixie", half, mirror); err != nil {
		return err
	}
	if err := installServers(ctx, half); err != nil {
		return err
	}
	return os.Rename(half, root)
}

// installServers runs apt-get in the folder.
func installServers(ctx context.Context, root string) error {
	policy := filepath.Join(root, "usr/sbin/policy-rc.d")
	if err := os.WriteFile(policy, []byte("#!/bin/sh\nexit 101\n"), 0o755); err != nil {
		return err
	}
	answer := "postfix postfix/main_mailer_type select No configuration\n"
	if err := run(ctx, answer, "chroot", root, "debconf-set-selections"); err != nil {
		return err
	}
	args := append([]string{"--mount", "--propagation", "unchanged", "/bin/sh", "-c", installScript, root}, packages...)
	return run(ctx, "", "unshare", args...)
}

// installScript takes the root folder as $0. In its mount namespace it makes
// all mounts private, so that /proc is mounted for nobody else; where / is no
// mount, in a chroot, this fails and the umount at the end has to do.
const installScript = `mount --make-rprivate / 2>/dev/null
mount -t proc proc "$0/proc" || exit
chroot "$0" apt-get -q -y --no-install-recommends install "$@" && chroot "$0" apt-get clean
status=$?
umount -l "$0/proc"
exit $status
`

// run runs a program to its end; its last words are in the error.
func run(ctx context.Context, stdin, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive"}
	for _, proxy := range []string{"http_proxy", "https_proxy", "no_proxy"} {
		if value, ok := os.LookupEnv(proxy); ok {
			cmd.Env = append(cmd.Env, proxy+"="+value)
		}
	}
	cmd.Stdin = strings.NewReader(stdin)
	words, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w:\n%s", name, err, lastLines(string(words), 8))
	}
	return nil
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
