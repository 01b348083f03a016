package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// checkShell holds a block of commands to what there is: the shell can read
// it, and each command line in it is checked by its program.
func checkShell(b block, dir string) error {
	sh := exec.Command("sh", "-n")
	sh.Stdin = strings.NewReader(b.text)
	if out, err := sh.CombinedOutput(); err != nil {
		return fmt.Errorf("sh -n: %w: %s", err, out)
	}
	var all error
	for _, words := range shellCommands(b.text) {
		if err := checkCommand(words, dir); err != nil {
			all = errors.Join(all, fmt.Errorf("%q: %w", words, err))
		}
	}
	return all
}

// checkCommand checks a command of one of the programs that documents show;
// dir is a scratch folder.
func checkCommand(words []string, dir string) error {
	switch program := words[0]; program {
	case "postern", "bin/postern", "/usr/bin/postern":
		return dryRun(words[1:])
	case "make":
		return checkMake(words[1:])
	case "systemctl", "journalctl", "systemd-analyze":
		return checkUnits(words[1:])
	case "postconf":
		return openPostfix(dir, strings.Join(settings(words), "\n"), "")
	default:
		if !slices.Contains(others(), program) {
			return fmt.Errorf("no test knows the program %s: teach docs_shell_test.go", program)
		}
		return nil
	}
}

// others are programs of Debian whose command lines nothing here can judge:
// install.md and migration.md are run whole in internal/stack.
func others() []string {
	return []string{
		"adduser", "apt", "apt-get", "awk", "cat", "cd", "chgrp", "chmod", "chown", "cp", "curl", "df", "dig", "docker", "doveadm", "doveconf", "dpkg", "echo", "find",
		"go", "gpg", "grep", "install", "ip", "jq", "ls", "mariadb", "mkdir", "mysql", "openssl", "opendkim", "opendkim-testkey", "podman", "postfix", "postmap",
		"postqueue", "promtool", "redis-cli", "resolvectl", "rm", "sed", "ss", "sudo", "swaks", "tail", "umask", "zgrep",
	}
}

// settings are the lines that `postconf -e` puts into main.cf.
func settings(words []string) []string {
	return slices.DeleteFunc(slices.Clone(words[1:]), func(s string) bool { return strings.HasPrefix(s, "-") })
}

// checkMake says whether the Makefile has the targets of a command.
func checkMake(args []string) error {
	text, err := os.ReadFile(filepath.Join(repository, "Makefile"))
	if err != nil {
		return err
	}
	for _, arg := range args {
		if name, _, assigns := strings.Cut(arg, "="); assigns {
			if !regexp.MustCompile(`\$[({]` + regexp.QuoteMeta(name) + `[)}]`).Match(text) {
				return fmt.Errorf("the Makefile does not use %s", name)
			}
			continue
		}
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(arg) + `:`).Match(text) {
			return fmt.Errorf("the Makefile has no target %s", arg)
		}
	}
	return nil
}

// checkUnits says whether the units of a systemctl or journalctl command are
// among those that postern brings, or those of the programs around it.
func checkUnits(args []string) error {
	around := []string{"postfix", "postfix@-", "postfix*", "dovecot", "opendkim", "mariadb", "postsrsd", "redis-server", "prometheus", "grafana-server"}
	verbs := []string{
		"start", "stop", "restart", "reload", "try-restart", "enable", "disable", "mask", "unmask", "status", "is-active", "daemon-reload", "edit", "cat",
		"show", "reenable", "reset-failed", "list-timers", "list-sockets", "security", "verify", "set-property", "reload-or-restart",
	}
	valued := []string{"-p", "--property", "-n", "--lines", "-o", "--output", "--since", "--until", "-g", "--grep"}
	values := regexp.MustCompile(`^[0-9]+$|[=':"]|^(today|yesterday|now|short(-[a-z]+)*|json|cat)$|^/`)
	for i, arg := range args {
		name := strings.TrimSuffix(arg, ".service")
		if i > 0 && slices.Contains(valued, args[i-1]) || strings.HasPrefix(arg, "-") || slices.Contains(verbs, arg) || slices.Contains(around, name) || values.MatchString(arg) {
			continue
		}
		if !strings.Contains(name, ".") {
			name += ".service"
		}
		found, err := filepath.Glob(filepath.Join(repository, "deploy", "systemd", name))
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("deploy/systemd has no unit %s", name)
		}
	}
	return nil
}

// shellCommands are the commands in a shell text, each as its words: without
// comments, redirections, here-documents, assignments before the command, and
// what only starts another command.
func shellCommands(text string) [][]string {
	var commands [][]string
	for _, words := range splitShell(withoutHereDocuments(text)) {
		if words = bareCommand(words); len(words) > 0 {
			commands = append(commands, words)
		}
	}
	return commands
}

var hereDocument = regexp.MustCompile(`(?ms)^([^\n]*)<<-?'?(\w+)'?([^\n]*)\n.*?^(\w+)$`)

// withoutHereDocuments leaves the lines that begin here-documents.
func withoutHereDocuments(text string) string {
	return hereDocument.ReplaceAllString(text, "$1$3")
}

// bareCommand takes away what stands before the command itself.
func bareCommand(words []string) []string {
	for len(words) > 0 {
		switch first := words[0]; {
		case first == "for" || first == "done" || first == "fi":
			return nil
		case slices.Contains([]string{"do", "then", "else", "if", "while", "!", "sudo", "exec", "time", "{", "}"}, first):
			words = words[1:]
		case first == "runuser" || first == "xargs":
			words = afterOptions(words[1:])
		case regexp.MustCompile(`^\w+=`).MatchString(first):
			words = words[1:]
		default:
			return words
		}
	}
	return nil
}

// afterOptions is what follows "--", or the first word that is no option.
func afterOptions(words []string) []string {
	if i := slices.Index(words, "--"); i >= 0 {
		return words[i+1:]
	}
	for len(words) > 0 && strings.HasPrefix(words[0], "-") {
		words = words[1:]
	}
	return words
}

// shellReader splits a shell text into commands and words.
type shellReader struct {
	text     string
	commands [][]string
	words    []string
	word     strings.Builder
	inWord   bool
	redirect bool // the next word is a file
}

func splitShell(text string) [][]string {
	r := &shellReader{text: strings.ReplaceAll(text, "\\\n", " ")}
	for r.text != "" {
		r.next()
	}
	r.endCommand()
	return r.commands
}

func (r *shellReader) next() {
	c := r.text[0]
	switch {
	case c == '#' && !r.inWord:
		_, rest, _ := strings.Cut(r.text, "\n")
		r.text = "\n" + rest
	case c == ' ' || c == '\t':
		r.endWord()
		r.text = r.text[1:]
	case strings.HasPrefix(r.text, "2>&1"):
		r.endWord()
		r.text = r.text[4:]
	case c == '<' || c == '>':
		r.beginRedirection()
	case strings.IndexByte("\n;|&()", c) >= 0:
		r.endCommand()
		r.text = r.text[1:]
	default:
		r.take()
	}
}

// beginRedirection drops the number of a file descriptor before the sign.
func (r *shellReader) beginRedirection() {
	if regexp.MustCompile(`^[0-9]$`).MatchString(r.word.String()) {
		r.word.Reset()
		r.inWord = false
	}
	r.endWord()
	r.text = strings.TrimLeft(r.text, "<>")
	r.redirect = true
}

// take appends a piece to the word: a quotation, a substitution, a character.
func (r *shellReader) take() {
	r.inWord = true
	for prefix, end := range map[string]string{"'": "'", `"`: `"`, "$(": ")"} {
		rest, found := strings.CutPrefix(r.text, prefix)
		if !found {
			continue
		}
		piece, after, _ := strings.Cut(rest, end)
		if prefix == "$(" {
			piece = "$(" + piece + ")"
		}
		r.word.WriteString(piece)
		r.text = after
		return
	}
	if r.text[0] == '\\' && len(r.text) > 1 {
		r.text = r.text[1:]
	}
	r.word.WriteByte(r.text[0])
	r.text = r.text[1:]
}

func (r *shellReader) endWord() {
	if r.inWord && !r.redirect {
		r.words = append(r.words, r.word.String())
	}
	if r.inWord {
		r.redirect = false
	}
	r.word.Reset()
	r.inWord = false
}

func (r *shellReader) endCommand() {
	r.endWord()
	r.redirect = false
	if len(r.words) > 0 {
		r.commands = append(r.commands, r.words)
	}
	r.words = nil
}

// TestShellCommands holds the reader to examples.
func TestShellCommands(t *testing.T) {
	for text, want := range map[string]string{
		"postern check   # a 'comment'\n":                       `[["postern" "check"]]`,
		"postern schema | mariadb maildb":                       `[["postern" "schema"] ["mariadb" "maildb"]]`,
		"(umask 077 && openssl rand -hex 24 >/etc/x)":           `[["umask" "077"] ["openssl" "rand" "-hex" "24"]]`,
		"postern ban add --reason \"spam trap\" example.com":    `[["postern" "ban" "add" "--reason" "spam trap" "example.com"]]`,
		"postconf -e 'a = b' \\\n  'c = d'":                     `[["postconf" "-e" "a = b" "c = d"]]`,
		"cat >/etc/x <<'EOF'\n[Unit]\nEOF\npostern version":     `[["cat"] ["postern" "version"]]`,
		"for x in *; do mariadb m < \"$x\"; done":               `[["mariadb" "m"]]`,
		"runuser -u postern -- postern srs rotate 2>/dev/null":  `[["postern" "srs" "rotate"]]`,
		"POSTERN_X=1 postern version; sudo postern check 2>&1;": `[["postern" "version"] ["postern" "check"]]`,
		"find . | xargs -r postern flush $(cat list | tail -1)": `[["find" "."] ["postern" "flush" "$(cat list | tail -1)"]]`,
	} {
		if got := fmt.Sprintf("%q", shellCommands(text)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
	var all error
	for _, wrong := range []string{"postern qeury", "make nothing", "systemctl start postren", "nobody knows"} {
		if checkCommand(strings.Fields(wrong), t.TempDir()) == nil {
			all = errors.Join(all, fmt.Errorf("%q passes", wrong))
		}
	}
	if all != nil {
		t.Error(all)
	}
}
