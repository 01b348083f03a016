package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"postern/internal/scratch/trixie"
)

// Main is the TestMain of a package whose tests run in a machine, and returns
// the status to exit with. Inside, that is what run returns. Outside, prepare
// builds what the tests need in a folder that ends with them, and says what the
// machine is made of; its Root is the Debian that POSTERN_DEBIAN chooses, the
// repository can be read in its place, and the arguments are our own.
func Main(run func() int, prepare func(ctx context.Context, repository, dir string) (Options, error)) int {
	if Inside() {
		return run()
	}
	status, err := runTests(context.Background(), prepare)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}

// runTests runs this test binary in a machine.
func runTests(ctx context.Context, prepare func(ctx context.Context, repository, dir string) (Options, error)) (status int, err error) {
	root, err := trixie.Chosen(ctx, os.Stderr)
	if err != nil {
		return 0, err
	}
	repository, err := Repository()
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "postern-machine-")
	if err != nil {
		return 0, fmt.Errorf("machine: %w", err)
	}
	defer os.RemoveAll(dir)
	opts, err := prepare(ctx, repository, dir)
	if err != nil {
		return 0, fmt.Errorf("machine: what the tests need: %w", err)
	}
	opts.Root = root
	opts.Binds = append(opts.Binds, Bind{From: repository, ReadOnly: true})
	return Run(ctx, opts, TestFlags(os.Args[1:])...)
}

// Repository is the folder with go.mod above the one where we stand, as a test
// does, outside and inside.
func Repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("machine: %w", err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("machine: the repository is not where the tests stand: no go.mod above")
		}
	}
}
