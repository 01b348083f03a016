package main

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	dto "github.com/prometheus/client_model/go"

	"postern/internal/config"
	"postern/internal/store"
)

// monitored writes the configuration in testdata/monitoring, which has
// everything that is counted, into a folder of its own. It returns the file's
// path and the addresses by name.
func monitored(t *testing.T) (path string, at map[string]string) {
	t.Helper()
	dir := t.TempDir()
	free := &ports{}
	at = map[string]string{"REDIS": miniredis.RunT(t).Addr()}
	for _, name := range []string{"SOCKETMAP", "TCPTABLE", "FORWARD", "REVERSE", "MILTER", "POLICY", "GUARD", "METRICS"} {
		at[name] = free.address(t)
	}
	files := os.DirFS("testdata/monitoring")
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if name == "postern.yaml" {
			text = []byte(os.Expand(string(text), func(variable string) string { return at[variable] }))
		}
		return os.WriteFile(filepath.Join(dir, name), text, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	fillDatabase(t, filepath.Join(dir, "postern.db"), filepath.Join(dir, "rows.sql"))
	return filepath.Join(dir, "postern.yaml"), at
}

// fillDatabase makes an embedded store with the rows of an SQL file.
func fillDatabase(t *testing.T, path, rows string) {
	t.Helper()
	statements, err := os.ReadFile(rows)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.InitSQLite(path); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(store.Options{Driver: "sqlite", Path: path, MaxConnections: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.DB().ExecContext(t.Context(), string(statements)); err != nil {
		t.Fatal(err)
	}
}

// exposed is what a process shows with everything configured, by name.
func exposed(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	path, _ := monitored(t)
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	s, err := newService(ctx, role{name: "serve"}, path, c, slog.New(slog.DiscardHandler), new(slog.LevelVar))
	if err != nil {
		stop()
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.run(ctx, func() {}) }()
	for end := time.Now().Add(patience); s.ready(ctx) != nil && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	families, err := s.metrics.Gather()
	stop()
	if ended := <-done; err != nil || ended != nil {
		t.Fatal(err, ended)
	}
	byName := map[string]*dto.MetricFamily{}
	for _, f := range families {
		byName[f.GetName()] = f
	}
	return byName
}
