package main

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"postern/internal/config"
	"postern/policyd/counter"
	"postern/policyd/greylist"
)

// savePolicy is how often counters and greylist are written to the disk: what
// a power failure may lose.
const savePolicy = 30 * time.Second

// policyState is counters and greylist. It lives on through reloads that do
// not concern it.
type policyState struct {
	settings stateSettings
	counters counter.Store
	greylist greylist.Store
	runs     []func(context.Context) // what keeps them

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// stateSettings are what a policyState was made of.
type stateSettings struct {
	at, password, key string
	keys              int
	dir               string
}

// openPolicyState takes the state over from before, or makes it.
func (a *assembly) openPolicyState(before *assembly) (*policyState, error) {
	settings, err := a.stateSettings()
	if err != nil {
		return nil, err
	}
	if before != nil && before.policy != nil && before.policy.state.settings == settings {
		return before.policy.state, nil
	}
	s := &policyState{settings: settings}
	return s, s.openMemory(a.works)
}

func (a *assembly) stateSettings() (stateSettings, error) {
	p := a.config.Policyd
	password, key, openToAll, err := p.ReadStateSecrets()
	if openToAll {
		a.works.log.Warn("a secret of policyd can be read by everybody on this host: chmod o-r", "files", []string{p.StatePasswordFile, p.StateKeyFile})
	}
	return stateSettings{at: p.State, password: password, key: key, keys: p.StateKeys, dir: a.works.policyDir(a.config)}, err
}

// policyDir is the folder of counters and greylist; empty: they are not kept.
func (w *works) policyDir(c *config.Config) string {
	dir := c.StateDir
	if w.role.command {
		dir = w.policyState
	}
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "policy")
}

// openMemory is the state of this process alone.
func (s *policyState) openMemory(w *works) error {
	counters := counter.NewMemory(counter.MemoryOptions{Now: w.policyNow, MaxKeys: s.settings.keys, Metrics: w.counters, Log: w.log})
	rows := greylist.NewMemory(greylist.MemoryOptions{Now: w.policyNow, Rows: s.settings.keys, Metrics: w.greylist, Log: w.log})
	s.counters, s.greylist = counters, rows
	return nil
}

// start keeps the state until stop.
func (s *policyState) start(ctx context.Context) {
	if s.cancel != nil {
		return // taken over: it runs already
	}
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for _, run := range s.runs {
		s.done.Go(func() { run(ctx) })
	}
}

// stop writes the state a last time.
func (s *policyState) stop() {
	if s.cancel != nil {
		s.cancel()
		s.done.Wait()
	}
}
