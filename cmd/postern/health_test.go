package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

func TestHealth(t *testing.T) {
	ready := func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ready\n")) }
	loading := func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "tables: alias: never loaded", http.StatusServiceUnavailable)
	}
	tests := []struct {
		name    string
		daemons map[string]http.HandlerFunc // nil: killed, and its socket left behind
		want    int
		says    []string
	}{
		{"one", map[string]http.HandlerFunc{"serve": ready}, 0, []string{"serve: ready"}},
		{"all", map[string]http.HandlerFunc{"policyd": ready, "socketmap": ready}, 0, []string{"policyd: ready", "socketmap: ready"}},
		{"one is not", map[string]http.HandlerFunc{"policyd": ready, "socketmap": loading}, exitNo, []string{"policyd: ready", "socketmap: not ready: tables: alias: never loaded"}},
		{"one was killed", map[string]http.HandlerFunc{"policyd": nil, "socketmap": ready}, exitNo, []string{"policyd: not ready: ", "socketmap: ready"}},
		{"the only one was killed", map[string]http.HandlerFunc{"serve": nil}, exitTemp, []string{"serve: not ready: "}},
		{"none", nil, exitTemp, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, handler := range tt.daemons {
				if handler == nil {
					leaveSocket(t, filepath.Join(dir, name+".sock"))
					continue
				}
				serveControl(t, dir, name, handler)
			}
			var out bytes.Buffer
			err := health(context.Background(), &out, dir)
			if got := exitStatus(err); got != tt.want {
				t.Errorf("exit status %d, want %d: %v", got, tt.want, err)
			}
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if out.Len() == 0 {
				lines = nil
			}
			if len(lines) != len(tt.says) {
				t.Fatalf("said %q, want %q", lines, tt.says)
			}
			for i, line := range lines {
				if !strings.HasPrefix(line, tt.says[i]) {
					t.Errorf("said %q, want %q", line, tt.says[i])
				}
			}
		})
	}
	if err := health(context.Background(), &bytes.Buffer{}, ""); exitStatus(err) != exitConfig {
		t.Errorf("without a control directory: %v", err)
	}
}

// leaveSocket makes the socket of somebody who was killed.
func leaveSocket(t *testing.T, path string) {
	t.Helper()
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	ln.Close()
}
