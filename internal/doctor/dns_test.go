package doctor

import (
	"testing"

	"postern/internal/config"
)

// TestMXRecord: where no file names the host, the record is none that somebody
// could publish; one with no name (RFC 7505) would refuse every bounce.
func TestMXRecord(t *testing.T) {
	for name, want := range map[string]string{
		"mx.example.org": "srs.example.org. IN MX 10 mx.example.org.",
		"":               "srs.example.org. IN MX 10 (the name of this host).",
	} {
		h := &Host{Config: &config.Config{}}
		h.Config.Postfix.MyHostname = name
		if got := h.mxRecord("srs.example.org"); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}
