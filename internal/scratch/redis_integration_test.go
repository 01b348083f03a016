//go:build integration

package scratch

import (
	"net"
	"os"
	"strings"
	"testing"
)

// TestRedis: it answers over TCP and its socket, comes back after Kill, and
// leaves nothing behind.
func TestRedis(t *testing.T) {
	for name, opts := range map[string]RedisOptions{"plain": {}, "TLS": {TLS: true}, "Cluster": {Cluster: true}, "Sentinel": {Master: "127.0.0.1 1"}} {
		t.Run(name, func(t *testing.T) {
			r, err := StartRedis(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Stop()
			r.Kill()
			if err := r.ping(); err == nil {
				t.Error("answers after Kill")
			}
			if err := r.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			conn, err := net.Dial("tcp", r.Addr())
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
			dir := r.folder.path
			if err := r.Stop(); err != nil {
				t.Error(err)
			}
			if err := r.Stop(); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(dir); err == nil {
				t.Error("the folder is left")
			}
		})
	}
	if _, err := StartRedis(t.Context(), RedisOptions{Args: []string{"--no-such-option", "1"}}); err == nil || !strings.Contains(err.Error(), "redis-server does not answer") {
		t.Error(err)
	}
}
