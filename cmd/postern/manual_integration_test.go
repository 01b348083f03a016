//go:build integration

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/manual"
)

// TestPagesByMandoc: no page has a warning.
func TestPagesByMandoc(t *testing.T) {
	for _, cmd := range manual.Commands(newRoot()) {
		lint := exec.Command("mandoc", "-Tlint", "-Wwarning")
		lint.Stdin = strings.NewReader(string(manual.CommandPage(cmd, time.Unix(1700000000, 0).UTC())))
		if out, err := lint.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", cmd.CommandPath(), err, out)
		}
	}
}

// TestBashCompletes loads the completion into bash and has it complete a map of
// the configuration, with postern as this test binary.
func TestBashCompletes(t *testing.T) {
	files, err := manualFiles(newRoot(), "1700000000")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := filepath.Join(dir, "postern.bash")
	binary := filepath.Join(dir, "postern")
	for name, text := range map[string]string{
		script:                             string(files["completions/postern.bash"]),
		filepath.Join(dir, "postern.yaml"): "maps: {office: {file: office}}\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, binary); err != nil { // TestMain makes it postern by its name
		t.Fatal(err)
	}
	bash := exec.Command("bash", "--norc", "-c", `
set -e
bash -n "$0"
# What bash-completion has, as far as the script asks for it.
_init_completion() { cur=${COMP_WORDS[COMP_CWORD]}; prev=${COMP_WORDS[COMP_CWORD-1]}; words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; }
__ltrim_colon_completions() { :; }
. "$0"
COMP_WORDS=(postern query --config postern.yaml off) COMP_CWORD=4 COMP_TYPE=9 COMP_KEY=9
COMP_LINE="${COMP_WORDS[*]}" COMP_POINT=${#COMP_LINE}
__start_postern 2>/dev/null || :
printf '%s\n' "${COMPREPLY[@]}"
`, script)
	bash.Dir = dir
	bash.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	out, err := bash.CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != "office" {
		t.Errorf("bash completes off to %q: %v", got, err)
	}
}
