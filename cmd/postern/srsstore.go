package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"postern/srsd/envelope"
)

// maxStored bounds the senders in the store: at 200 bytes each, 200 MB.
const maxStored = 1_000_000

// openEnvelopes opens the store at a place, or takes it over.
func openEnvelopes(ctx context.Context, at string, w *works, before *srsService) (*envelope.Store, error) {
	if before != nil && before.store != nil && before.config.Store == at {
		return before.store, nil
	}
	if w.envelopes == nil {
		w.envelopes = envelope.NewMetrics(w.reg)
	}
	path, isFile := strings.CutPrefix(at, "sqlite:")
	_, missing := os.Stat(path)
	store, err := envelope.Open(ctx, at, envelope.Options{MaxEntries: maxStored, Now: w.now, Log: w.log, Metrics: w.envelopes})
	if err != nil || !isFile || !errors.Is(missing, fs.ErrNotExist) {
		return store, err
	}
	if err := handOver(path); err != nil {
		return nil, errors.Join(fmt.Errorf("srsd.store: %w", err), store.Close())
	}
	return store, nil
}

// handOver gives a file that root has made to the owner of its folder: who asks
// on the command line may be root, and the daemon another user.
func handOver(path string) error {
	info, err := os.Stat(filepath.Dir(path))
	if err != nil || os.Geteuid() != 0 {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t)
	return os.Lchown(path, int(owner.Uid), int(owner.Gid))
}
