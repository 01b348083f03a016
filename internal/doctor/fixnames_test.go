package doctor

import (
	"strings"
	"testing"

	"postern/internal/config"
)

// A host whose main.cf has no names of ours gets fixes without them: a line
// with an empty name would stop Postfix.
func TestFixesWithoutOurNames(t *testing.T) {
	x := shipped(t)
	x.main = "myhostname = mx.example.org\nmydestination =\n"
	x.master = strings.ReplaceAll(x.master, "  -o cleanup_service_name=bouncecleanup\n", "")
	x.master = strings.Replace(x.master, "bouncecleanup unix n", "other unix n", 1)
	fixes := map[string]string{}
	for _, found := range examine(t, host(t, x, "3.7", paper{})) {
		fixes[found.Check] = found.Fix
		if strings.Contains(found.Fix, "$postern") {
			t.Errorf("%s: %s", found.Check, found.Fix)
		}
	}
	for check, want := range map[string]string{
		"empty_address_recipient":      "postconf -e 'empty_address_recipient = ops@example.net'",
		"aliases-unknown":              "postconf -e 'virtual_alias_maps = socketmap:unix:postern/socketmap:virtual'",
		"srs-domain-class":             "add srs.example.org to virtual_alias_domains",
		"bounces/cleanup_service_name": "take over the service bouncecleanup of the shipped master.cf, then postconf -P '",
	} {
		if !strings.Contains(fixes[check], want) {
			t.Errorf("%s: %q, want %q", check, fixes[check], want)
		}
	}
}

// Where postern.yaml cannot be read, or says nothing, the reader's part is in
// capital letters.
func TestFixesOfNobody(t *testing.T) {
	for _, h := range []*Host{{}, {Config: config.Defaults()}} {
		fix := literal(h)
		if got, want := fix("$postern_operator $postern_srs_domain $postern:virtual $postern_policy, $posterns"),
			"ADDRESS SRS-DOMAIN socketmap:unix:postern/socketmap:virtual unix:postern/policy, $posterns"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
