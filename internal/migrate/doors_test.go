package migrate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A postern.yaml that exists has to listen where main.cf would ask.
func TestDoors(t *testing.T) {
	for _, test := range []struct {
		name, yaml string
		want       []string // in the error; none: a plan
	}{
		{"no such blocks", "operator: ops@example.net\n", nil},
		{"all there", "socketmap: {listen: [inet:127.0.0.1:10003, unix:/var/spool/postfix/postern/socketmap]}\n" +
			"policyd: {listen: [unix:/var/spool/postfix/postern/policy], chains: {gate: [bans]}}\n", nil},
		{"sockets of systemd", "socketmap: {listen: [fd:socketmap]}\npolicyd: {listen: [fd:policy], chains: {gate: [bans]}}\n", nil},
		{"another socket", "socketmap: {listen: [inet:127.0.0.1:10003]}\n",
			[]string{"postern.yaml: socketmap.listen has no unix:/var/spool/postfix/postern/socketmap"}},
		{"another policy", "policyd: {listen: [inet:127.0.0.1:10040], chains: {rcpt: [bans]}}\n",
			[]string{"policyd.listen has no unix:/var/spool/postfix/postern/policy", "policyd.chains has no chain gate (srs, bans)"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := scene(t, "reference")
			if err := os.WriteFile(filepath.Join(dir, "postern.yaml"), []byte(test.yaml), 0o600); err != nil {
				t.Fatal(err)
			}
			source, err := Read(t.Context(), optionsOf(dir))
			if err != nil {
				t.Fatal(err)
			}
			_, err = source.Plan(nil)
			if (err != nil) != (test.want != nil) {
				t.Fatalf("error %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %s", err, want)
				}
			}
		})
	}
}
