// Package debian installs Debian packages that are missing, and nothing else.
//
// # What it does
//
// [Install] asks dpkg which of the named packages are missing, lets apt-get
// simulate their installation, and installs them without recommended packages.
// The lists of packages are fetched (apt-get update) only if apt does not know
// a package or cannot download it with the lists it has.
//
// # What it does not do
//
// No service is started: while apt-get runs, a policy-rc.d forbids it. The
// file that was there before comes back afterwards; if this program is killed
// in between, its policy-rc.d notices that and obeys the earlier one.
//
// No package is removed. Where apt would remove one (Postfix and Exim exclude
// each other, say) Install refuses and names it: somebody's mail server is worth
// more than our test.
//
// Postfix is installed with "No configuration", so that the machine's own
// Postfix stays silent.
//
// # Limits
//
// It needs root and says what to type where it is not. On a machine without
// dpkg it says which packages to look for.
package debian

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Runner runs a program with text on its standard input and returns what it
// printed. An error means that it could not run or did not exit with 0.
type Runner func(ctx context.Context, stdin, name string, args ...string) (stdout, stderr string, err error)

// Installer is what an installation depends on; New gives that of this machine.
type Installer struct {
	Out  io.Writer // one line per step that takes time
	Run  Runner
	Root bool   // whether we may install
	Sbin string // where policy-rc.d lives: /usr/sbin
	Lock string // a directory to lock, so that two of us wait for each other: /var/lib/dpkg
}

// New is an Installer for this machine.
func New(out io.Writer) *Installer {
	return &Installer{Out: out, Run: run, Root: os.Geteuid() == 0, Sbin: "/usr/sbin", Lock: "/var/lib/dpkg"}
}

// Install installs those of the packages that are missing on this machine and
// starts no service. Out gets a line or two if there is something to install.
func Install(ctx context.Context, out io.Writer, packages ...string) error {
	return New(out).Install(ctx, packages...)
}

// Install is the function Install with the dependencies of i.
func (i *Installer) Install(ctx context.Context, packages ...string) error {
	missing, err := i.Missing(ctx, packages...)
	if err != nil || len(missing) == 0 {
		return err
	}
	if !i.Root {
		return fmt.Errorf("debian: %s not installed, and installing needs root: sudo apt-get install --no-install-recommends %s",
			strings.Join(missing, ", "), strings.Join(missing, " "))
	}
	plan, err := i.plan(ctx, missing)
	if err != nil {
		return err
	}
	if len(plan.removed) > 0 {
		return fmt.Errorf("debian: installing %s would remove %s: decide by hand which one this machine shall have, then: apt-get install %s",
			strings.Join(missing, ", "), strings.Join(plan.removed, ", "), strings.Join(missing, " "))
	}
	fmt.Fprintf(i.Out, "installing Debian packages: %s\n", strings.Join(missing, " "))
	return i.install(ctx, missing, plan)
}

// Missing lists those of the packages that are not installed.
func (i *Installer) Missing(ctx context.Context, packages ...string) ([]string, error) {
	if len(packages) == 0 {
		return nil, nil
	}
	args := append([]string{"-W", "-f", `${Package}\t${db:Status-Abbrev}\n`}, packages...)
	out, stderr, err := i.Run(ctx, "", "dpkg-query", args...)
	if err != nil && strings.Contains(stderr, "no packages found") {
		err = nil // it lists the others nevertheless
	}
	if err != nil {
		return nil, fmt.Errorf("debian: dpkg-query: this needs Debian or a relative, or else the like of %s installed by hand: %w",
			strings.Join(packages, ", "), withWords(err, stderr))
	}
	return notInstalled(out, packages), nil
}

// plan simulates the installation, with fresh package lists if the present
// ones do not do.
func (i *Installer) plan(ctx context.Context, packages []string) (plan, error) {
	if simulated, _, err := i.apt(ctx, "-s", packages); err == nil {
		return parsePlan(simulated), nil
	}
	updateErr := i.update(ctx)
	simulated, stderr, err := i.apt(ctx, "-s", packages)
	if err == nil {
		return parsePlan(simulated), nil
	}
	if updateErr != nil {
		return plan{}, updateErr
	}
	return plan{}, fmt.Errorf("debian: apt-get install %s: %w", strings.Join(packages, " "), withWords(err, stderr))
}

// install is the installation itself, under a policy-rc.d of ours.
func (i *Installer) install(ctx context.Context, packages []string, plan plan) (err error) {
	restore, err := forbidServices(i.Sbin, i.Lock)
	if err != nil {
		return fmt.Errorf("debian: policy-rc.d: %w", err)
	}
	defer func() { err = errors.Join(err, restore()) }()
	if err := i.preseed(ctx, plan); err != nil {
		return err
	}
	_, stderr, err := i.apt(ctx, "-y", packages)
	if err == nil {
		return nil
	}
	if !strings.Contains(stderr, "Unable to fetch") && !strings.Contains(stderr, "Failed to fetch") {
		return fmt.Errorf("debian: apt-get install: %w", withWords(err, stderr))
	}
	if err := i.update(ctx); err != nil { // the lists were too old for the mirror
		return err
	}
	if _, stderr, err = i.apt(ctx, "-y", packages); err != nil {
		return fmt.Errorf("debian: apt-get install: %w", withWords(err, stderr))
	}
	return nil
}

// preseed answers the one question that has no harmless default.
func (i *Installer) preseed(ctx context.Context, plan plan) error {
	if !plan.installs("postfix") {
		return nil
	}
	answer := "postfix postfix/main_mailer_type select No configuration\n"
	if _, stderr, err := i.Run(ctx, answer, "debconf-set-selections"); err != nil {
		return fmt.Errorf("debian: debconf-set-selections: %w", withWords(err, stderr))
	}
	return nil
}

// update fetches the lists of packages.
func (i *Installer) update(ctx context.Context) error {
	fmt.Fprintln(i.Out, "fetching Debian's package lists")
	if _, stderr, err := i.Run(ctx, "", "apt-get", "-q", "update"); err != nil {
		return fmt.Errorf("debian: apt-get update: %w", withWords(err, stderr))
	}
	return nil
}

// apt runs apt-get install; mode is -s (simulate) or -y. It waits for another
// apt at work.
func (i *Installer) apt(ctx context.Context, mode string, packages []string) (stdout, stderr string, err error) {
	args := []string{"-q", mode, "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confold", "--no-install-recommends"}
	if mode != "-s" {
		args = append(args, "--no-remove") // should something have changed since the simulation
	}
	args = append(args, "install", "--")
	return i.Run(ctx, "", "apt-get", append(args, packages...)...)
}

// withWords adds the last line that a failed program wrote to stderr.
func withWords(err error, stderr string) error {
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return fmt.Errorf("%w: %s", err, last)
	}
	return err
}
