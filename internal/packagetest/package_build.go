// Package packagetest tries the Debian package as a host has it: installed,
// upgraded, removed and purged under a systemd that runs as process 1.
//
//	go test -tags integration ./internal/packagetest                            on this Debian
//	POSTERN_DEBIAN=trixie go test -tags integration ./internal/packagetest      inside Debian 13
//
// # The machine
//
// TestMain builds the package twice with `make deb`, as version 1.0.0 and as
// its upgrade 1.1.0, boots a machine (package machine) and runs the test binary
// inside. There it stands in the folder that it was started in, the repository
// can be read, and $POSTERN_PACKAGES is a folder with
//
//	postern_1.0.0_ARCH.deb, postern_1.1.0_ARCH.deb
//	root                     everything that the package has below /, unpacked
//
// The machine is one for all tests: each takes away what it has installed.
package packagetest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Package is a built package.
type Package struct {
	Version, Arch string
	Path          string // of the .deb
}

// CopySource copies the repository, without what was built in it, to dir, so
// that a build disturbs nobody.
func CopySource(ctx context.Context, repository, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	// 1: a file was written meanwhile, which is no reason to stop
	script := `{ tar -C "$1" -c --exclude=./.git --exclude=./bin --exclude=./dist --exclude='*.test' . || [ $? -eq 1 ]; } | tar -C "$2" -x`
	return command(ctx, "", nil, "/bin/bash", "-o", "pipefail", "-c", script, "copy", repository, dir)
}

// Build runs `make deb` in a folder with the source, and returns the package
// of that version there. An empty arch is that of this machine.
func Build(ctx context.Context, source, version, arch string, env ...string) (Package, error) {
	if arch == "" {
		arch = runtime.GOARCH
	}
	p := Package{Version: version, Arch: arch, Path: filepath.Join(source, "bin", "postern_"+version+"_"+arch+".deb")}
	if err := command(ctx, source, env, "make", "--no-print-directory", "deb", "VERSION="+version, "ARCH="+arch); err != nil {
		return p, err
	}
	_, err := os.Stat(p.Path)
	return p, err
}

// BuildPrograms builds main packages of the source, linked statically as they
// are shipped, and puts the programs into dir.
func BuildPrograms(ctx context.Context, source, dir string, packages ...string) error {
	return command(ctx, source, []string{"CGO_ENABLED=0"}, "go", append([]string{"build", "-o", dir + "/"}, packages...)...)
}

// command runs a program to its end; its last words are in the error.
func command(ctx context.Context, dir string, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %q: %w:\n%s", name, args, err, out)
	}
	return nil
}
