package srsd_test

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"postern/internal/lookup"
	"postern/srsd"
)

func TestLogged(t *testing.T) {
	long := strings.Repeat("x", 300) + "@example.org"
	m := lookup.Func(func(_ context.Context, key string) (string, bool, error) {
		switch key {
		case "down@example.org":
			return "", false, errors.New("store: down")
		case "local@example.org":
			return "Need not rewrite local domain.", false, nil
		case "same@example.org":
			return key, true, nil
		}
		return "SRS0=" + key, true, nil
	})
	tests := []struct {
		name, key string
		level     slog.Level
		want      string // without the time
	}{
		{"rewritten", "a@b.example", slog.LevelInfo, `level=INFO msg="srs forward: rewritten" address=a@b.example to="SRS0=a@b.example"` + "\n"},
		{"hostile", "a\nb@c.example", slog.LevelInfo, `level=INFO msg="srs forward: rewritten" address="a\nb@c.example" to="SRS0=a\nb@c.example"` + "\n"},
		{"long", long, slog.LevelInfo, `level=INFO msg="srs forward: rewritten" address=` + long[:200] + ` to="SRS0=` + long[:195] + "\"\n"},
		{"trouble", "down@example.org", slog.LevelInfo, `level=WARN msg="srs forward: not rewritten" address=down@example.org error="store: down"` + "\n"},
		{"left alone", "local@example.org", slog.LevelInfo, ""},
		{"left alone, told", "local@example.org", slog.LevelDebug, `level=DEBUG msg="srs forward: not rewritten" address=local@example.org reason="Need not rewrite local domain."` + "\n"},
		{"the same", "same@example.org", slog.LevelDebug, `level=DEBUG msg="srs forward: not rewritten" address=same@example.org reason=same@example.org` + "\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: tt.level}))
			value, found, err := srsd.Logged(m, "forward", log).Lookup(t.Context(), tt.key)
			wantValue, wantFound, wantErr := m.Lookup(t.Context(), tt.key)
			if value != wantValue || found != wantFound || (err == nil) != (wantErr == nil) {
				t.Errorf("%q, %v, %v, want what the map says: %q, %v, %v", value, found, err, wantValue, wantFound, wantErr)
			}
			if got := regexp.MustCompile(`(?m)^time=\S+ `).ReplaceAllString(out.String(), ""); got != tt.want || tt.want != "" && got == out.String() {
				t.Errorf("log %q, want a time and %q", out.String(), tt.want)
			}
		})
	}
}
