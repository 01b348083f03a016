package main

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"testing"

	"postern/internal/config"
)

func TestPlacesHideSecrets(t *testing.T) {
	for at, want := range map[string]string{
		"sqlite:/var/lib/postern/senders.db":             "/var/lib/postern/senders.db",
		"redis://192.0.2.1:6379/0":                       "192.0.2.1:6379/0",
		"redis://mail:pass?w@rd@192.0.2.1:6379/0?x=y":    "192.0.2.1:6379/0",
		"rediss://:secret@cache.example.org":             "cache.example.org",
		"redis+sentinel://u:p@192.0.2.1,192.0.2.2/one/1": "192.0.2.1,192.0.2.2/one/1",
		"redis:/run/redis.sock":                          "/run/redis.sock",
		"":                                               "",
	} {
		if got := place(at); got != want {
			t.Errorf("%s: %s, want %s", at, got, want)
		}
	}
}

func TestShownErrorsHaveNoAddress(t *testing.T) {
	if got, want := shown(errors.New("table: jane@example.org\n: gone")), "table: j***@example.org : gone"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestAskingIsWarnedOf where strangers may reach it.
func TestAskingIsWarnedOf(t *testing.T) {
	everywhere, here := &net.TCPAddr{IP: net.IPv4zero}, &net.TCPAddr{IP: net.IPv6loopback}
	for _, test := range []struct {
		what    string
		metrics config.Metrics
		at      net.Addr
		warned  bool
	}{
		{"off", config.Metrics{}, everywhere, false},
		{"on everywhere", config.Metrics{Ask: true}, everywhere, true},
		{"on in a network", config.Metrics{Ask: true}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, true},
		{"on with a password", config.Metrics{Ask: true, WebConfig: "web.yml"}, everywhere, false},
		{"on loopback", config.Metrics{Ask: true}, here, false},
		{"on a unix socket", config.Metrics{Ask: true}, &net.UnixAddr{Name: "/run/s", Net: "unix"}, false},
	} {
		var log bytes.Buffer
		(&service{log: slog.New(slog.NewTextHandler(&log, nil))}).warnAsk(test.metrics, test.at)
		if warned := bytes.Contains(log.Bytes(), []byte("where aliases lead")); warned != test.warned {
			t.Errorf("%s: warned %v: %s", test.what, warned, &log)
		}
	}
}
