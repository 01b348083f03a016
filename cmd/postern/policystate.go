package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"postern/internal/config"
	"postern/internal/redisserver"
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
	client   io.Closer               // of Redis, or nil
	runs     []func(context.Context) // what keeps them
	unread   error                   // commands: why the saved state, or some of it, is not seen

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// stateSettings are what a policyState was made of.
type stateSettings struct {
	at, password, key string
	timeout           time.Duration // of a decision in Redis; 0: the default
	keys              int
	dir               string
}

// openPolicyState takes the state over from before, or makes it.
func (a *assembly) openPolicyState(before *assembly) (*policyState, error) {
	settings, err := a.stateSettings()
	if err != nil {
		return nil, a.config.At("policyd", err)
	}
	if before != nil && before.policy != nil && before.policy.state.settings.same(settings) {
		return before.policy.state, nil
	}
	s := &policyState{settings: settings}
	if settings.at == "" || settings.at == "memory" {
		return s, s.openMemory(a.works)
	}
	return s, s.openRedis(a.works)
}

// same reports whether a state made of s serves o as well. Another number of
// keys is in force from the next start: two of one file would overwrite it.
func (s stateSettings) same(o stateSettings) bool {
	o.keys = s.keys
	return s == o
}

func (a *assembly) stateSettings() (stateSettings, error) {
	p := a.config.Policyd
	password, key, openToAll, err := p.ReadStateSecrets()
	if openToAll {
		a.works.log.Warn("a secret of policyd can be read by everybody on this host: chmod o-r", "files", strings.TrimSpace(p.StatePasswordFile+" "+p.StateKeyFile))
	}
	return stateSettings{at: p.State, password: password, key: key, timeout: time.Duration(p.StateTimeout), keys: p.StateKeys, dir: a.works.policyDir(a.config)}, err
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

// openMemory is the state of this process alone, kept in files.
func (s *policyState) openMemory(w *works) error {
	options := counter.MemoryOptions{Now: w.policyNow, MaxKeys: s.settings.keys, Metrics: w.counters, Log: w.log}
	rows := greylist.NewMemory(greylist.MemoryOptions{Now: w.policyNow, Rows: s.settings.keys, Metrics: w.greylist, Log: w.log})
	s.greylist = rows
	if s.settings.dir == "" {
		s.counters = counter.NewMemory(options)
		return nil
	}
	limits, grey := filepath.Join(s.settings.dir, "limits"), filepath.Join(s.settings.dir, "greylist")
	if w.role.command {
		return s.peek(options, limits, rows, grey)
	}
	if err := os.MkdirAll(s.settings.dir, 0o700); err != nil {
		w.log.Warn("counters and greylist will not outlive this process: set state_dir to a folder that this user can write", "error", err)
	}
	counters := counter.Open(limits, options)
	s.counters = counters
	if err := rows.Load(grey); err != nil {
		w.log.Warn("the greylist begins empty", "error", err)
	}
	s.runs = []func(context.Context){
		func(ctx context.Context) { counters.Run(ctx, limits, savePolicy) },
		func(ctx context.Context) {
			if err := rows.Run(ctx, grey, savePolicy); err != nil {
				w.log.Warn("the greylist was not saved", "error", err)
			}
		},
	}
	return nil
}

// peek is what a command sees of the state of a daemon: the files as they are,
// which only the daemon writes. What cannot be read is empty.
func (s *policyState) peek(o counter.MemoryOptions, limits string, rows *greylist.Memory, grey string) error {
	counters := counter.NewMemory(o)
	s.counters = counters
	err := counters.Peek(limits)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	s.unread = errors.Join(err, rows.Peek(grey))
	return nil
}

// redisPool is how many decisions ask Redis at once; the others wait their turn
// within their budget.
const redisPool = 32

// openRedis is the state that several hosts share.
func (s *policyState) openRedis(w *works) error {
	at, err := redisserver.Parse(s.settings.at)
	if err != nil {
		return fmt.Errorf("policyd.state: %w", err)
	}
	if s.settings.password != "" {
		at = at.WithPassword(s.settings.password)
	}
	known := cmp.Or(s.settings.key, s.settings.password)
	if known == "" {
		w.log.Warn("keys in Redis are hashed without a secret, so who reads there can test whether an address was counted: name a state_key_file, the same on all hosts")
	}
	secret := sha256.Sum256([]byte("postern policyd " + known))
	client := at.Client(redisserver.Options{PoolSize: redisPool})
	s.client = client
	counters, err := counter.NewRedis(counter.RedisOptions{Client: client, Secret: secret[:]})
	if err != nil {
		return err
	}
	if s.greylist, err = greylist.NewRedis(greylist.RedisOptions{Client: client, Key: secret[:], Budget: s.settings.timeout}); err != nil {
		return err
	}
	if w.role.command { // it only looks
		s.counters = counters
		return nil
	}
	local := counter.NewMemory(counter.MemoryOptions{Now: w.policyNow, MaxKeys: s.settings.keys, Metrics: w.counters, Log: w.log})
	shared, err := counter.NewShared(counter.SharedOptions{Redis: counters, Local: local, Budget: s.settings.timeout, Host: hostName(), Log: w.log, Metrics: w.sharedMetrics()})
	s.counters = shared
	s.runs = []func(context.Context){func(ctx context.Context) {
		if err := shared.Run(ctx); err != nil {
			w.log.Warn("what was charged while Redis was away is not added there", "error", err)
		}
	}}
	return err
}

// start keeps the state until stop. A command only looks at it.
func (s *policyState) start(ctx context.Context, r role) {
	if s.cancel != nil || r.command {
		return // taken over: it runs already
	}
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for _, run := range s.runs {
		s.done.Go(func() { run(ctx) })
	}
}

// handOver writes files a last time, because a successor of this process keeps
// them from now on. Counters in Redis belong to both.
func (s *policyState) handOver() {
	if s.client == nil && s.cancel != nil {
		s.cancel()
		s.done.Wait()
	}
}

// stop writes the state a last time.
func (s *policyState) stop() error {
	if s.cancel != nil {
		s.cancel()
		s.done.Wait()
	}
	if s.client == nil {
		return nil
	}
	return s.client.Close()
}
