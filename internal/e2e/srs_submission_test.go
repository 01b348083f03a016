//go:build integration

package e2e

import (
	"net"
	"strings"
	"testing"
)

// TestSRSSubmission: mail that a user submits is not forwarded mail. Its sender
// stays, in both wirings.
func TestSRSSubmission(t *testing.T) {
	d := newNativeSRS(t, "database: {driver: sqlite, path: {dir}/postern.db}\n")
	makeSQLite(t, d.file("postern.db"), srsRows)
	d.begin(t)
	a := d.asker()
	defer a.close()
	made := a.rewritten(t, "srs-forward", "friend@far.test")
	for _, w := range []struct {
		name, options, master string
		main                  map[string]string
	}{
		{"maps", "  -o cleanup_service_name=subcleanup\n  -o recipient_canonical_maps=\n",
			"subcleanup unix n - n - 0 cleanup\n  -o sender_canonical_maps=\n  -o recipient_canonical_maps=\n", mapsWiring(d)},
		{"milter", "  -o smtpd_milters=\n", "", milterWiring(d)},
	} {
		t.Run(w.name, func(t *testing.T) {
			submission := freeAddr(t)
			_, port, _ := net.SplitHostPort(submission)
			h := startSRSHost(t, "", w.main, "127.0.0.1:"+port+" inet n - n - - smtpd\n  -o mynetworks=127.0.0.0/8\n"+
				"  -o smtpd_relay_restrictions=permit_mynetworks,reject\n  -o smtpd_recipient_restrictions=\n"+w.options, w.master)
			submit := func(to string) string {
				mark := newSubject()
				if got := sendMail(t, submission, "", "info@fwd.test", to, mark); !strings.HasPrefix(got, "250") {
					return got
				}
				return h.comes(t, mark).Sender
			}
			for _, to := range []string{"u@far.test", "stays@fwd.test", "info@kept.test"} {
				if sender := submit(to); sender != "info@fwd.test" {
					t.Errorf("mail for %s that was submitted came out from <%s>", to, sender)
				}
			}
			if got := rcpt(t, submission, "info@fwd.test", made); w.name == "maps" && !strings.HasPrefix(got, "550 5.1.1") {
				t.Errorf("submitted to an SRS address: %s", got)
			}
			wantRewritten(t, h.forwards(t, "friend@far.test", "info@fwd.test"), "SRS0", "=far.test=friend")
			wantEnvelope(t, h.forwards(t, "", made), "", "friend@far.test")
		})
	}
}
