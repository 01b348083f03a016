//go:build integration

package demo

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is the limit of a demo, on a machine that is busy.
const patience = 10 * time.Minute

// buildPostern makes the binary that the demo starts, where everybody can
// execute it.
func buildPostern(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "postern")
	if out, err := exec.Command("go", "build", "-o", binary, "postern/cmd/postern").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// TestOnce: a mail goes through rewritten, its bounce comes home, a forged one
// is refused, so is a banned sender, a busy one is deferred, and the demo leaves nothing behind.
func TestOnce(t *testing.T) {
	binary, own := buildPostern(t), ownTemp(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out bytes.Buffer
	if err := Run(ctx, Options{Out: &out, Binary: binary, Once: true}); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	const srs = `SRS0=[\w-]{4}=[A-Z2-7]{2}=elsewhere\.example=friend@srs\.forward\.example`
	for _, want := range []string{
		`^A mail went in:    from <friend@elsewhere\.example>  to <Info\+Demo@forward\.example>$`,
		`^and came out:      from <` + srs + `>  to <owner\+Demo@dest\.example>$`,
		`^A bounce went in:  from <>  to <` + srs + `>$`,
		`^and came home:     from <>  to <friend@elsewhere\.example>$`,
		`^A forged bounce:   from <>  to <` + strings.Replace(srs, "=friend", "=victim", 1) + `>$`,
		`^was refused:       550 5\.1\.1 .*this bounce address was not made here: its signature is wrong.*$`,
		`^A banned sender:   from <anyone@banned\.example>$`,
		`^was refused:       554 5\.7\.1 .*throw-away addresses \(id [A-Z2-7]{8}\)$`,
		`^A busy sender:     from <newsletter@elsewhere\.example>, mail 6 of an hour$`,
		`^was deferred:      450 4\.7\.1 .*try again in .* \(id [A-Z2-7]{8}\)$`,
	} {
		if !regexp.MustCompile("(?m)" + want).MatchString(out.String()) {
			t.Errorf("%s is missing in:\n%s", want, &out)
		}
	}
	if left, err := os.ReadDir(own); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestPrintedCommands runs every command that the demo prints, as printed.
func TestPrintedCommands(t *testing.T) {
	binary := buildPostern(t)
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	read, write := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := Run(ctx, Options{Out: write, Binary: binary})
		write.CloseWithError(err)
		ended <- err
	}()
	commands := printedCommands(t, read)
	go io.Copy(io.Discard, read)
	checkCommands(t, commands, []answer{
		{"socketmap:inet:*:virtual", `^owner@dest\.example$`},
		{" tcp:", `^alice@dest\.example$`},
		{"socketmap:inet:*:srs-forward", `^SRS0=.*=elsewhere\.example=friend@srs\.forward\.example$`},
		{"--explain virtual", `(?m)^= "owner\+demo@dest\.example" `},
		{"sender-login-maps", `^alice,bob$`},
		{"srs reverse", `^friend@elsewhere\.example$`},
		{"policy*--explain", `(?s)^asked the running daemon serve\nchain data\n.*\nDUNNO$`},
		{"ban add", `^banned email info@forward\.example until `},
		{"top --once", `(?m)^serve ready `},
		{"/metrics", `(?m)^postern_srs_rewrites_total\{direction="forward",result="ok"\} [1-9]`},
		{"echo ", `^$`},
		{"everyone", `^you@dest\.example$`},
	})
	stop()
	if err := <-ended; err != nil {
		t.Errorf("the end: %v", err)
	}
}

// answer is what a command with all those words in it prints.
type answer struct{ words, pattern string }

// printedCommands are the lines below "Try:", when the demo waits for Ctrl-C.
func printedCommands(t *testing.T, r io.Reader) []string {
	t.Helper()
	var commands, all []string
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		all = append(all, lines.Text())
		if command, ok := strings.CutPrefix(lines.Text(), "  "); ok {
			commands = append(commands, command)
		}
		if strings.HasPrefix(lines.Text(), "Ctrl-C") {
			return commands
		}
	}
	t.Fatalf("the demo ended: %v\n%s", lines.Err(), strings.Join(all, "\n"))
	return nil
}

// checkCommands runs commands in a shell; there is one answer for each.
func checkCommands(t *testing.T, commands []string, answers []answer) {
	t.Helper()
	if len(commands) != len(answers) {
		t.Errorf("%d commands are printed, want %d:\n%s", len(commands), len(answers), strings.Join(commands, "\n"))
	}
	for i, command := range commands[:min(len(commands), len(answers))] {
		for word := range strings.SplitSeq(answers[i].words, "*") {
			if !strings.Contains(command, word) {
				t.Errorf("command %d has no %q: %s", i, word, command)
			}
		}
		out, err := exec.Command("sh", "-c", command).CombinedOutput()
		if err != nil || !regexp.MustCompile(answers[i].pattern).MatchString(strings.TrimSpace(string(out))) {
			t.Errorf("%s\nprinted %s (%v), want %s", command, out, err, answers[i].pattern)
		}
	}
}

// TestBroken spoils the configuration before postern reads it: the demo must
// fail and say what did not happen.
func TestBroken(t *testing.T) {
	binary := buildPostern(t)
	for _, test := range []struct{ name, edit, want string }{
		{"not rewritten", "s/^  store: /  local_domains: [elsewhere.example]\\n  store: /", "the sender was not rewritten: the mail left as from <friend@elsewhere.example>"},
		{"another domain", "s/srs.forward.example/srs.other.example/", "the sender was not rewritten: the mail left as from <SRS0="},
		{"no SRS", "/^srsd:/,/^  store:/d", "the mail: refused by Postfix:"},
	} {
		t.Run(test.name, func(t *testing.T) {
			wrapper := filepath.Join(t.TempDir(), "postern")
			script := "#!/bin/sh\nsed -i '" + test.edit + "' \"$3\" && exec " + binary + " \"$@\"\n"
			if err := os.WriteFile(wrapper, []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			err := Run(ctx, Options{Out: io.Discard, Binary: wrapper, Once: true})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v\nwant %s", err, test.want)
			}
		})
	}
}

// TestWithoutRoot: the lookups alone, and a failure where the mail was asked
// for.
func TestWithoutRoot(t *testing.T) {
	binary := buildPostern(t)
	for dir := filepath.Dir(binary); dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		if err := exec.Command("chmod", "a+rx", dir).Run(); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(binary, "demo", "--once")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	if !strings.Contains(string(out), "=elsewhere.example=friend@srs.forward.example") {
		t.Errorf("no SRS address to turn back is printed:\n%s", out)
	}
	if err == nil || !strings.Contains(string(out), "Postfix starts as root only") || !strings.Contains(string(out), "postern query --config") {
		t.Errorf("%v\n%s", err, out)
	}
}

// ownTemp is where the demos of this test make their folders, and nobody else.
func ownTemp(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "demo-") // t.TempDir is too long for sockets
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("TMPDIR", dir)
	return dir
}
