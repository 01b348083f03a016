//go:build integration

package packagetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"postern/internal/scratch/machine"
	"postern/internal/scratch/trixie"
)

// packagesVariable is the folder with what was built. Who sets it has built before.
const packagesVariable = "POSTERN_PACKAGES"

func TestMain(m *testing.M) {
	if machine.Inside() {
		os.Exit(m.Run())
	}
	status, err := runInside()
	if err != nil {
		fmt.Fprintln(os.Stderr, "packagetest:", err)
		status = 1
	}
	os.Exit(status)
}

// runInside builds the packages and runs this test binary in a machine.
func runInside() (int, error) {
	ctx := context.Background()
	root, err := trixie.Chosen(ctx, os.Stderr)
	if err != nil {
		return 0, err
	}
	repository, err := filepath.Abs("../..")
	if err != nil {
		return 0, err
	}
	dir := os.Getenv(packagesVariable)
	if dir == "" {
		if dir, err = os.MkdirTemp("", "postern-package-"); err != nil {
			return 0, err
		}
		defer os.RemoveAll(dir)
		if err := buildPackages(ctx, repository, dir); err != nil {
			return 0, err
		}
	}
	return machine.Run(ctx, machine.Options{
		Root:     root,
		Hostname: "mx.example.org",
		Boot:     true,
		Binds:    []machine.Bind{{From: repository, ReadOnly: true}, {From: dir, ReadOnly: true}},
		Env:      []string{packagesVariable + "=" + dir},
	}, machine.TestFlags(os.Args[1:])...)
}

// buildPackages fills the folder of what was built.
func buildPackages(ctx context.Context, repository, dir string) error {
	source := filepath.Join(dir, "source")
	if err := CopySource(ctx, repository, source); err != nil {
		return err
	}
	for _, version := range []string{"1.0.0", "1.1.0"} {
		p, err := Build(ctx, source, version, "", "SOURCE_DATE_EPOCH=1767225600")
		if err != nil {
			return err
		}
		if err := os.Rename(p.Path, filepath.Join(dir, filepath.Base(p.Path))); err != nil {
			return err
		}
		if version == "1.1.0" {
			if err := command(ctx, dir, nil, "dpkg-deb", "-x", filepath.Base(p.Path), "root"); err != nil {
				return err
			}
		}
	}
	return os.RemoveAll(source)
}
