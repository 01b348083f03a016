//go:build integration

package deploy_test

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// image is what the Dockerfile says of its last stage.
type image struct {
	build       string // the last command of the stage before
	copies      []copied
	uid, gid    uint32
	entrypoint  []string
	command     []string
	healthcheck []string
}

// copied is one COPY --from=build.
type copied struct{ from, to, owner string }

// readImage reads the Dockerfile. A word that it does not know is an error, or
// the test would try another image than docker makes.
func readImage(t *testing.T) image {
	t.Helper()
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	first, last, found := strings.Cut(strings.ReplaceAll(string(text), "\\\n", " "), "\nFROM scratch\n")
	if !found || strings.Contains(last, "\nFROM ") {
		t.Fatal("the last stage is not FROM scratch")
	}
	var i image
	for line := range strings.Lines(first) {
		if command, ok := strings.CutPrefix(line, "RUN "); ok {
			i.build = command
		}
	}
	for line := range strings.Lines(last) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "", "#", "VOLUME":
		case "COPY":
			found := regexp.MustCompile(`^--from=build (?:--chown=(\d+:\d+) )?(/\S+) (/\S+)$`).FindStringSubmatch(rest)
			if found == nil {
				t.Fatalf("COPY %s", rest)
			}
			i.copies = append(i.copies, copied{found[2], found[3], found[1]})
		case "USER":
			i.uid, i.gid = ids(t, rest)
		case "ENTRYPOINT":
			i.entrypoint = list(t, rest)
		case "CMD":
			i.command = list(t, rest)
		case "HEALTHCHECK":
			_, check, _ := strings.Cut(rest, " CMD ")
			i.healthcheck = list(t, check)
		default:
			t.Fatalf("what is %s?", line)
		}
	}
	return i
}

func ids(t *testing.T, text string) (uid, gid uint32) {
	t.Helper()
	u, g, _ := strings.Cut(text, ":")
	a, err := strconv.ParseUint(u, 10, 32)
	b, err2 := strconv.ParseUint(g, 10, 32)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return uint32(a), uint32(b)
}

func list(t *testing.T, text string) (words []string) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &words); err != nil {
		t.Fatalf("%s: %v: docker would run it with a shell, which is not there", text, err)
	}
	return words
}

// root makes the folder that the image is.
func (i image) root(t *testing.T) string {
	t.Helper()
	out, root := t.TempDir(), filepath.Join(t.TempDir(), "image")
	build := strings.ReplaceAll(i.build, "/out", out)
	run(t, buildContext(t), "/bin/sh", "-euc", "VERSION=1.2.3 COMMIT=0123456789ab\n"+build)
	for _, c := range i.copies {
		from, to := strings.Replace(c.from, "/out", out, 1), filepath.Join(root, c.to)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		run(t, "", "cp", "-rL", from, to)
		if c.owner != "" {
			run(t, "", "chown", "-R", c.owner, to)
		}
	}
	for dir := root; dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) { // testing makes them for us alone
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// buildContext is what docker sees of the repository.
func buildContext(t *testing.T) string {
	t.Helper()
	dir := source(t, 0o022)
	text, err := os.ReadFile("../.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		name, anywhere := strings.CutPrefix(strings.TrimSpace(line), "**/")
		switch {
		case name == "" || strings.HasPrefix(name, "#"):
		case anywhere:
			run(t, dir, "find", ".", "-depth", "-name", name, "-exec", "rm", "-rf", "{}", "+")
		default:
			run(t, dir, "rm", "-rf", name)
		}
	}
	return dir
}

// start runs a command of the image as docker would.
func (i image) start(root string, args ...string) *exec.Cmd {
	cmd := &exec.Cmd{Path: args[0], Args: args, Dir: "/", Env: []string{"PATH=/usr/bin"}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: i.uid, Gid: i.gid}, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// health is the exit status of HEALTHCHECK.
func (i image) health(t *testing.T, root string) int {
	t.Helper()
	cmd := i.start(root, i.healthcheck...)
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

func TestImage(t *testing.T) {
	i := readImage(t)
	if i.uid == 0 || i.gid == 0 {
		t.Errorf("it runs as %d:%d", i.uid, i.gid)
	}
	root := i.root(t)
	if got := run(t, root, "find", ".", "-type", "f", "-perm", "/111"); got != "./usr/bin/postern" {
		t.Errorf("programs: %s", got)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := free.Addr().String()
	free.Close()
	config := "maps: {office: {file: /etc/postern/office}}\nsocketmap: {listen: [\"inet:" + at + "\"]}\nstate_dir: /var/lib/postern\ncontrol: /run/postern\nmetrics: {listen: off}\n"
	if err := os.MkdirAll(filepath.Join(root, "etc/postern"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"postern.yaml": config, "office": "info@example.org someone@example.net\n"} {
		if err := os.WriteFile(filepath.Join(root, "etc/postern", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if status := i.health(t, root); status != 75 {
		t.Errorf("before the start the health check says %d", status)
	}

	daemon := i.start(root, append(i.entrypoint, i.command...)...)
	var log strings.Builder
	daemon.Stderr = &log
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	defer daemon.Wait()
	defer daemon.Process.Kill()
	for end := time.Now().Add(time.Minute); i.health(t, root) != 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			_ = daemon.Process.Kill()
			_ = daemon.Wait()
			t.Fatalf("it does not get healthy:\n%s", log.String())
		}
	}
	conn, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("23:office info@example.org,")); err != nil {
		t.Fatal(err)
	}
	reply := make([]byte, 64)
	if n, err := conn.Read(reply); err != nil || !strings.Contains(string(reply[:n]), "OK someone@example.net") {
		t.Errorf("%q, %v", reply[:n], err)
	}
	if err := daemon.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := daemon.Wait(); err != nil {
		t.Errorf("%v:\n%s", err, log.String())
	}
	if status := i.health(t, root); status != 75 {
		t.Errorf("after the end the health check says %d", status)
	}
}
