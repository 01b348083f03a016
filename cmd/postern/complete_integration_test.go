//go:build integration

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// lines are what a user has typed before the tab, and how the line goes on.
var lines = []struct{ name, typed, completed string }{
	{"a command", "postern accept-s", "accept-snapshot"},
	{"a flag", "postern serve --conf", "--config"},
	{"a map of the configuration", "postern query --config postern.yaml off", "office"},
	{"nothing", "postern nonsense-", ""},
}

// inBash fills what readline(3) would, and prints the proposals.
const inBash = `set -e
bash -n postern.bash
# What bash-completion has, as far as the script asks for it.
_init_completion() { cur=${COMP_WORDS[COMP_CWORD]}; prev=${COMP_WORDS[COMP_CWORD-1]}; words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; }
__ltrim_colon_completions() { :; }
. ./postern.bash
COMP_LINE=$1 COMP_WORDS=($1) COMP_TYPE=9 COMP_KEY=9
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_POINT=${#COMP_LINE}
__start_postern 2>/dev/null || :
printf '%s\n' "${COMPREPLY[@]}"
`

// inZsh types the line and a tab into a zsh on a terminal, and prints the word
// before the cursor if the tab has changed it.
const inZsh = `zmodload zsh/zpty
zpty terminal zsh -f -i
zpty -w terminal 'fpath=("$PWD" $fpath); autoload -Uz compinit; compinit -u -D
finish() { print -r -- "$BUFFER" >line; exit }; zle -N finish; bindkey "^T" finish
zle-line-init() { print it re"ads" }; zle -N zle-line-init'
zpty -r terminal said "*it reads*" || exit
zpty -n -w terminal $1$'\t\C-t'
while zpty -r terminal said; do :; done
line=$(<line)
[[ $line == $1 ]] || print -r -- ${${line% }##* }
`

// inFish asks for the proposals, which come with a description behind a tab.
const inFish = `complete -C $argv[1] | string split -f 1 \t; true`

// TestShellsComplete loads each completion into its shell, from where the shell
// looks for it, with postern as this test binary.
func TestShellsComplete(t *testing.T) {
	files, err := manualFiles(newRoot(), "1700000000")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for shell, s := range map[string]struct {
		file, at string // the completion, and where the shell finds it
		command  []string
	}{
		"bash": {"postern.bash", "postern.bash", []string{"bash", "--norc", "-c", inBash, "bash"}},
		"zsh":  {"_postern", "_postern", []string{"zsh", "-f", "-c", inZsh, "zsh"}},
		"fish": {"postern.fish", "share/fish/vendor_completions.d/postern.fish", []string{"fish", "-c", inFish}},
	} {
		for _, line := range lines {
			t.Run(shell+" completes "+line.name, func(t *testing.T) {
				dir := t.TempDir()
				put(t, filepath.Join(dir, s.at), string(files["completions/"+s.file]))
				put(t, filepath.Join(dir, "postern.yaml"), "maps: {office: {file: office}}\n")
				if err := os.Symlink(self, filepath.Join(dir, "postern")); err != nil { // TestMain makes it postern by its name
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a shell that waits for more would wait for ever
				defer cancel()
				cmd := exec.CommandContext(ctx, s.command[0], append(s.command[1:], line.typed)...)
				cmd.Dir = dir
				cmd.Env = []string{"HOME=" + dir, "XDG_DATA_DIRS=" + filepath.Join(dir, "share"), "PATH=" + dir + ":" + os.Getenv("PATH"), "TERM=dumb", "LC_ALL=C.UTF-8"}
				out, err := cmd.CombinedOutput()
				if got := strings.TrimSpace(string(out)); err != nil || got != line.completed {
					t.Errorf("%q goes on as %q, want %q: %v", line.typed, got, line.completed, err)
				}
			})
		}
	}
}

// put writes a file, and the folders it is in.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
