package daemon

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWithoutSecrets(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "",
		"see https://example.org/a@b": "see https://example.org/a@b",
		`parse "redis://user:planted@127.0.0.1:no/0": invalid port`:    `parse "redis://user:[hidden]@127.0.0.1:no/0": invalid port`,
		"redis://:pla@nted@127.0.0.1/0 and redis://:planted@::1":       "redis://:[hidden]@127.0.0.1/0 and redis://:[hidden]@::1",
		"redis://127.0.0.1:6379/0 of jane@example.org":                 "redis://127.0.0.1:6379/0 of jane@example.org",
		"line 1: cannot unmarshal !!str `planted` into web.Config":     "line 1: cannot unmarshal !!str into web.Config",
		"line 1: cannot unmarshal !!seq into map[string]config.Secret": "line 1: cannot unmarshal !!seq into map[string]config.Secret",
	} {
		if got := withoutSecrets(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestLogTellsNoSecret(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		line := written(t, format, nil, func(log *slog.Logger) {
			log.With("store", "redis://u:planted@h").Error("at redis://u:planted@h", "error", errors.New("redis://u:planted@h: away"))
		})
		if strings.Contains(line, "planted") || strings.Count(line, "[hidden]@h") != 3 {
			t.Error(line)
		}
	}
}

func TestWebConfigFaultTellsNoSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.yml")
	for _, text := range []string{"basic_auth_users: planted\n", "basic_auth_users: {admin: planted}\n", "basic_auth_users: {admin: [planted]}\n", "basic_auth_users:\n  admin: 'planted\n", "tls_server_config: planted\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := Admin{WebConfig: path}.Validate()
		if err == nil || strings.Contains(err.Error(), "planted") || !strings.Contains(err.Error(), "web_config "+path) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
