//go:build integration

// Package stack runs the configuration that this project ships, end to end:
// the files of postfix/, dovecot/ and opendkim/ at their real places, and
// MariaDB, postern, Postfix, Dovecot, OpenDKIM and Redis at their real ports.
//
//	go test -tags integration ./internal/stack        on this Debian
//	make e2e-trixie                                   the same inside Debian 13
//
// # The machine
//
// TestMain builds postern, makes a machine (package machine) and runs the test
// binary again inside; POSTERN_DEBIAN=trixie takes Debian 13 as its files. All
// that follows happens inside, as root, and ends with the machine. The
// repository can be read inside at its own path. Without root, or without
// Debian's mirror where Debian 13 was never made, the run fails and says so.
//
// # The host
//
// start(t, options{}) brings up the host, mx.example.org at 192.0.2.1, and returns
// the stack. There is one at a time: a test with the same options takes the
// running one, other options end it and start another, which takes seconds. So
// tests with the same options stand together, none is parallel, and each has
// addresses of its own. A test that stops a daemon starts it again.
//
// Package site fills the shipped files, with the very values that stand in
// them; only the password of the database is another. What an administrator
// has to do beside (users of the database, certificate, SRS secret, folders,
// DKIM keys) is done in install_test.go, in the order of the manual.
// testdata/rows.sql has the rows of the database: domains, aliases, logins.
//
// # The world
//
// A second network namespace is the outside: each address of 198.51.100.0/24 and
// 203.0.113.0/24 is a client or server there. The DNS of testdata/internet.zone,
// with the DKIM records that were published, answers at 127.0.0.1:53, and
// Postfix finds its way by MX records. The servers outside take everything and
// keep it (world.mail), or answer what a test wants (world.answer):
//
//	dest.test, outside.test …    203.0.113.10    an ordinary server
//	old.test                     203.0.113.11    without 8BITMIME and PIPELINING
//	dead.test                    203.0.113.99    nobody listens
//
// # Talking
//
// s.outside(t, "198.51.100.7") is an SMTP session by hand from outside, s.submit
// a swaks(1) run on port 587, s.login a session by hand there. Everything that
// programs log arrives in s.log; a test that fails prints what was logged
// during it.
package stack

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"postern/internal/packagetest"
	"postern/internal/scratch/machine"
)

// program is where postern stands inside, as `make install` puts it.
const program = "/usr/local/bin/postern"

// configureProgram is what `make configure` runs.
const configureProgram = "/usr/local/bin/postern-configure"

// packageFile is what `make deb` makes.
const packageFile = "/usr/local/lib/postern_1.0.0_package.deb"

func TestMain(m *testing.M) {
	os.Exit(machine.Main(m.Run, func(ctx context.Context, repository, dir string) (machine.Options, error) {
		source := filepath.Join(dir, "source")
		err := errors.Join(
			packagetest.BuildPrograms(ctx, repository, dir, "./cmd/postern", "./internal/site/configure"),
			packagetest.CopySource(ctx, repository, source),
		)
		if err != nil {
			return machine.Options{}, err
		}
		built, err := packagetest.Build(ctx, source, "1.0.0", "", "SOURCE_DATE_EPOCH=1767225600")
		return machine.Options{
			Hostname: "mx.example.org",
			Binds: []machine.Bind{
				{From: filepath.Join(dir, "postern"), To: program, ReadOnly: true},
				{From: filepath.Join(dir, "configure"), To: configureProgram, ReadOnly: true},
				{From: built.Path, To: packageFile, ReadOnly: true},
			},
		}, err
	}))
}

// repository is the root of the source, read-only.
func repository() (string, error) { return machine.Repository() }
