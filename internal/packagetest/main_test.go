//go:build integration

package packagetest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"postern/internal/scratch/machine"
)

// packagesVariable is the folder with what was built. Who sets it has built before.
const packagesVariable = "POSTERN_PACKAGES"

func TestMain(m *testing.M) {
	os.Exit(machine.Main(m.Run, func(ctx context.Context, repository, dir string) (machine.Options, error) {
		if built := os.Getenv(packagesVariable); built != "" {
			dir = built
		} else if err := buildPackages(ctx, repository, dir); err != nil {
			return machine.Options{}, err
		}
		return machine.Options{
			Hostname: "mx.example.org",
			Boot:     true,
			Binds:    []machine.Bind{{From: dir, ReadOnly: true}},
			Env:      []string{packagesVariable + "=" + dir},
		}, nil
	}))
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
