package main

import (
	"errors"
	"testing"
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
