package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestAnswersThatCannotBePrinted: an answer that nobody gets to see is no yes.
func TestAnswersThatCannotBePrinted(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "postern.yaml")
	for name, text := range map[string]string{
		"office":     "desk@example.org here@example.net\n",
		"srs.secret": "a secret line\n",
		"postern.yaml": `
maps: {office: {file: office, search: exact}}
srsd: {domain: srs.example.org, secrets_file: srs.secret}
control: control
policyd:
  listen: ["unix:/nowhere/policy"]
  chains: {gate: [rate_limits]}
  rate_limits: [{name: sender, key: sender, count: messages, limit: 5/1h}]
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	for _, test := range []struct {
		name, command string
		args          []string
	}{
		{"found", "query", []string{"query", "--config", file, "office", "desk@example.org"}},
		{"not found", "query", []string{"query", "--config", file, "--explain", "office", "nobody@example.org"}},
		{"decision", "policy", []string{"policy", "--config", file, "policy_context=gate", "sender=ann@example.com"}},
		{"rewritten", "srs", []string{"srs", "forward", "--config", file, "ann@example.com"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out, said bytes.Buffer
			if status := run(t.Context(), test.args, nil, &out, &said); status > exitNo || out.Len() == 0 {
				t.Fatalf("status %d: %s%s", status, &out, &said)
			}
			said.Reset()
			status := run(t.Context(), test.args, nil, fullDisk{}, &said)
			if want := "postern: " + test.command + ": print: no space left on device\n"; status != exitTemp || said.String() != want {
				t.Errorf("status %d, %q, want %q", status, &said, want)
			}
		})
	}
}
