//go:build integration

package password

import (
	"os/exec"
	"strings"
	"testing"
)

// TestDovecot: the real Dovecot, with the settings it comes with, verifies every
// scheme, and no other password.
func TestDovecot(t *testing.T) {
	for _, secret := range []string{"correct horse", "grüße & \"quotes\" $x {PLAIN}", strings.Repeat("x", 72)} {
		for _, scheme := range Schemes() {
			t.Run(scheme, func(t *testing.T) {
				hash, err := Hash(scheme, secret)
				if err != nil {
					t.Fatal(err)
				}
				if out, err := verify(hash, secret); err != nil || !strings.Contains(out, "(verified)") {
					t.Errorf("%s: %v\n%s", hash, err, out)
				}
				if out, err := verify(hash, secret+"x"); (scheme != "BLF-CRYPT" || len(secret) < maxBcryptBytes) && (err == nil || strings.Contains(out, "(verified)")) {
					t.Errorf("%s: another password is verified\n%s", hash, out)
				}
			})
		}
	}
}

func verify(hash, secret string) (string, error) {
	out, err := exec.Command("doveadm", "-c", "/dev/null", "pw", "-t", hash, "-p", secret).CombinedOutput()
	return string(out), err
}
