package main

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"

	"postern/internal/daemon"
	"postern/internal/supervise"
	"postern/srsd/postsrsd"
)

// TestEndpointOfOthers opens endpoints of which one address has trouble.
func TestEndpointOfOthers(t *testing.T) {
	other, err := new(daemon.Sockets).Listen(daemon.ListenSpec{At: "inet:127.0.0.1:0"}) // shares its port, as PostSRSd does
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	const foreign = "192.0.2.1:10003" // not of this host
	free, taken := freeAddress(t), other.Addr().String()
	tests := []struct {
		name   string
		at     []string
		reload bool
		opens  int
		taken  bool
		warns  bool
	}{
		{"free", []string{free}, false, 1, false, false},
		{"taken", []string{taken}, false, 0, true, false},
		{"one of two is taken", []string{free, taken}, false, 0, true, false},
		{"taken by ourselves, under another name", []string{taken}, true, 1, false, false},
		{"one of two is not ours", []string{foreign, free}, false, 1, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			o := listenerSet{sockets: &daemon.Sockets{}, log: slog.New(slog.NewTextHandler(&log, nil))}
			defer o.closeNew()
			if tt.reload {
				o.held = []supervise.Listener{{Name: "another", Listener: other}}
			}
			var at []postsrsd.Endpoint
			for _, address := range tt.at {
				at = append(at, postsrsd.Endpoint{Network: "tcp4", Address: address})
			}
			o.add(namedEndpoint{"socketmap", at})
			err := errors.Join(o.errs...)
			if errors.Is(err, daemon.ErrTaken) != tt.taken || !tt.taken && err != nil {
				t.Errorf("error %v", err)
			}
			if err == nil && len(o.all) != tt.opens {
				t.Errorf("%d listeners", len(o.all))
			}
			if warns := strings.Contains(log.String(), "listening on a part of the addresses only"); warns != tt.warns {
				t.Errorf("log %q", log.String())
			}
		})
	}
}

// freeAddress is one on loopback where nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
