//go:build integration

package units

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// worstScore is the exposure that a unit may have, in tenths: of ten is all of
// the system open, of none is nothing.
const worstScore = "15"

// unitFiles are all units that we ship, with the examples.
func unitFiles(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("/usr/lib/systemd/system", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: no files, %v", pattern, err)
	}
	return files
}

func TestVerify(t *testing.T) {
	files := append(unitFiles(t, "postern*.service"), unitFiles(t, "postern*.socket")...)
	out, err := exec.Command("systemd-analyze", append([]string{"verify", "--man=no"}, files...)...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// TestScore holds each unit to the exposure that systemd-analyze sees in it.
func TestScore(t *testing.T) {
	for _, file := range unitFiles(t, "postern*.service") {
		t.Run(filepath.Base(file), func(t *testing.T) { score(t, file, worstScore) })
	}
}

func score(t *testing.T, file, worst string) {
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold="+worst, file).CombinedOutput()
	if err != nil {
		t.Errorf("worse than %s tenths: %v\n%s", worst, err, out)
	}
	t.Log(strings.TrimSpace(string(out[strings.LastIndex(string(out), "→"):])))
}

// TestScoreCanFail holds a unit without any protection to the same.
func TestScoreCanFail(t *testing.T) {
	file := filepath.Join(t.TempDir(), "open.service")
	if err := os.WriteFile(file, []byte("[Service]\nExecStart=/bin/true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold="+worstScore, file).Run(); err == nil {
		t.Error("systemd-analyze is content with a unit that is open to all")
	}
}

// TestJournalPriority has warnings and errors found by `journalctl -p`.
func TestJournalPriority(t *testing.T) {
	begin(t, "postern")
	broken := must(t, "cat "+configFile)
	t.Cleanup(func() {
		if err := write(configFile, broken+"\n", 0o640); err != nil {
			t.Error(err)
		}
	})
	if err := write(configFile, "nonsense: true\n", 0o640); err != nil {
		t.Fatal(err)
	}
	must(t, "systemctl reload postern")
	logged(t, "postern", "reload failed")
	found := map[string]string{} // priority by message
	for line := range strings.Lines(must(t, "journalctl --no-pager -o json -u postern SYSLOG_IDENTIFIER=postern")) {
		var entry struct{ PRIORITY, MESSAGE string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"msg=serving", "reload failed"} {
			if strings.Contains(entry.MESSAGE, word) {
				found[word] = entry.PRIORITY
			}
		}
	}
	if found["msg=serving"] != "6" || found["reload failed"] != "3" {
		t.Errorf("priorities %v; want 6 (info) and 3 (err)", found)
	}
	await(t, "systemctl status tells of it", func() bool {
		return strings.Contains(property(t, "postern", "StatusText"), "the old configuration")
	})
	answers(t, "virtual", "info@example.org", "someone@example.net")
}
