//go:build integration

package supervise_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// needRoot fails where the test cannot show anything.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("only root can become another user: run this test as root")
	}
}

func nobody(t *testing.T) (uid, gid int) {
	t.Helper()
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ = strconv.Atoi(u.Uid)
	gid, _ = strconv.Atoi(u.Gid)
	return uid, gid
}

// open lets other users into the folders that a test makes.
func open(t *testing.T, folder string) {
	t.Helper()
	for _, dir := range []string{folder, filepath.Dir(folder)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConfinement(t *testing.T) {
	needRoot(t)
	uid, gid := nobody(t)
	root := t.TempDir()
	open(t, root)
	four := func(id int) string { return strings.TrimSpace(strings.Repeat(fmt.Sprint(id)+"\t", 4)) }
	for _, c := range []struct {
		name, user, chroot string
		uid, gid           int
		caps               bool
	}{
		{name: "neither", caps: true},
		{name: "user", user: "nobody", uid: uid, gid: gid},
		{name: "user by number", user: strconv.Itoa(uid), uid: uid, gid: gid},
		{name: "root", user: "root", caps: true},
		{name: "chroot", chroot: root, caps: true},
		{name: "both", user: "nobody", chroot: root, uid: uid, gid: gid},
	} {
		t.Run(c.name, func(t *testing.T) {
			// Supplementary groups are what PostSRSd forgot before 2.0.2.
			f := newFamily(t, settings{Answer: "one"}, func(cmd *exec.Cmd) {
				cmd.Env = append(cmd.Env, "RUN_AS="+c.user, "CHROOT="+c.chroot)
				cmd.SysProcAttr.Credential = &syscall.Credential{Groups: []uint32{0, 4, 27}}
			})
			for _, moment := range []string{"first", "reloaded"} {
				pid := f.ask(f.dial(), "pid")
				status := statusOf(t, pid)
				if status["Uid"] != four(c.uid) || status["Gid"] != four(c.gid) {
					t.Errorf("%s: uid %q, gid %q", moment, status["Uid"], status["Gid"])
				}
				if groups := status["Groups"]; c.user != "" && groups != "" || c.user == "" && groups != "0 4 27" {
					t.Errorf("%s: groups %q", moment, groups)
				}
				if none := strings.Trim(status["CapEff"]+status["CapPrm"], "0") == ""; none == c.caps {
					t.Errorf("%s: capabilities %s", moment, status["CapEff"])
				}
				wantLink(t, pid, "root", orSlash(c.chroot))
				if c.chroot != "" {
					wantLink(t, pid, "cwd", c.chroot)
				}
				f.signal(syscall.SIGHUP, "parent")
				f.until(func() bool { return f.ask(f.dial(), "pid") != pid })
			}
		})
	}
}

func orSlash(dir string) string {
	if dir == "" {
		return "/"
	}
	return dir
}

func wantLink(t *testing.T, pid, name, want string) {
	t.Helper()
	if got, err := os.Readlink(filepath.Join("/proc", pid, name)); got != want {
		t.Errorf("%s is %s, %v; want %s", name, got, err, want)
	}
}

// statusOf checks every thread of a process and returns what all have.
func statusOf(t *testing.T, pid string) map[string]string {
	t.Helper()
	threads, err := filepath.Glob("/proc/" + pid + "/task/*/status")
	if err != nil || len(threads) == 0 {
		t.Fatalf("threads of process %s: %v, %v", pid, threads, err)
	}
	var all map[string]string
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it has ended
		}
		status := map[string]string{}
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(line, ":")
			status[name] = strings.TrimSpace(value)
		}
		for _, name := range []string{"Uid", "Gid", "Groups", "CapEff", "CapPrm"} {
			if all != nil && all[name] != status[name] {
				t.Errorf("threads differ: %s %q and %q", name, all[name], status[name])
			}
		}
		all = status
	}
	return all
}

// What is outside the chroot is used before: the time zone, and what Prepare
// opens.
func TestBeforeConfinement(t *testing.T) {
	needRoot(t)
	root := t.TempDir()
	open(t, root)
	f := newFamily(t, settings{Answer: "one"}, func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Env, "RUN_AS=nobody", "CHROOT="+root, "TZ=Asia/Tokyo")
	})
	c := f.dial()
	if zone := f.ask(c, "zone"); zone != "JST" {
		t.Errorf("the time zone is %s", zone)
	}
	if user := f.ask(c, "prepared"); user != "0" {
		t.Errorf("Prepare was called as %s", user)
	}
}

// This is what the parent is for: the settings are root's, 0600, and outside
// the root directory of the worker, which is empty.
func TestSecretOfRootIsReadAgain(t *testing.T) {
	needRoot(t)
	uid, _ := nobody(t)
	root := t.TempDir()
	open(t, root)
	f := newFamily(t, settings{Answer: "old secret"}, func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Env, "RUN_AS=nobody", "CHROOT="+root)
	})
	info, err := os.Stat(filepath.Join(f.folder, "settings"))
	if err != nil || info.Mode().Perm() != 0o600 || info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Fatalf("the settings are not root's alone: %v, %v", info, err)
	}
	c := f.dial()
	if answer := f.ask(c, "?"); answer != "old secret" {
		t.Fatalf("answered %q", answer)
	}
	for _, answer := range []string{"new secret", "newest secret"} {
		f.configure(settings{Answer: answer})
		f.signal(syscall.SIGHUP, "parent")
		f.until(func() bool { return f.ask(c, "?") == answer })
		f.until(func() bool { return f.ask(f.dial(), "?") == answer }) // the reload may not be over yet
	}
	pid := f.ask(f.dial(), "pid")
	if got, want := statusOf(t, pid)["Uid"], fmt.Sprint(uid); !strings.HasPrefix(got, want) {
		t.Errorf("uid %q", got)
	}
	for _, name := range []string{"cmdline", "environ"} {
		text, err := os.ReadFile(filepath.Join("/proc", pid, name))
		if err != nil || bytes.Contains(text, []byte("secret")) {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}

// Who has no privileges runs as himself, and cannot become anybody else.
func TestWithoutPrivileges(t *testing.T) {
	needRoot(t)
	uid, gid := nobody(t)
	for _, c := range []struct{ name, user, want string }{
		{"himself", "nobody", ""},
		{"keeps", "", ""},
		{"another", "daemon", "worker: user daemon: supplementary groups: only root can change it: operation not permitted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := t.TempDir()
			open(t, folder)
			if err := os.Chown(folder, uid, gid); err != nil {
				t.Fatal(err)
			}
			text, _ := json.Marshal(settings{Answer: "one"})
			file := filepath.Join(folder, "settings")
			if err := os.WriteFile(file, text, 0o644); err != nil {
				t.Fatal(err)
			}
			out, err := runParent(t, folder, func(cmd *exec.Cmd) {
				cmd.Env = append(cmd.Env, "RUN_AS="+c.user)
				cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), NoSetGroups: true}
			})
			if c.want == "" && err != nil || !strings.Contains(out, c.want) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// runParent starts a parent, and stops it when it is ready.
func runParent(t *testing.T, folder string, change func(*exec.Cmd)) (log string, err error) {
	t.Helper()
	cmd := exec.Command(readableSelf(t))
	cmd.Args = append(cmd.Args, folder)
	cmd.Env = append(os.Environ(), roleVariable+"=parent", "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	change(cmd)
	var text bytes.Buffer
	cmd.Stderr = &text
	cmd.Stdout = onWrite(func() { cmd.Process.Signal(syscall.SIGTERM) })
	err = cmd.Run()
	return text.String(), err
}

// onWrite calls a function when something is written.
type onWrite func()

func (f onWrite) Write(text []byte) (int, error) {
	f()
	return len(text), nil
}

// readableSelf is the test binary where other users can run it.
func readableSelf(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	open(t, filepath.Dir(path))
	text, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(path, text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Units often leave root no CAP_KILL, PostSRSd's for one: then a worker of
// another user that will not go ends by its own clock, and so does the parent.
func TestStubbornWorkerWithoutCapKill(t *testing.T) {
	needRoot(t)
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Fatal(err)
	}
	self := readableSelf(t)
	f := newFamily(t, settings{Answer: "one", Mood: stubborn}, func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Env, "RUN_AS=nobody")
		cmd.Args = append([]string{"setpriv", "--bounding-set=-kill", "--", self}, cmd.Args[1:]...)
		cmd.Path = setpriv
	})
	worker := f.ask(f.dial(), "pid")
	if status := statusOf(t, strconv.Itoa(f.parent.Process.Pid)); status["CapEff"] == "" || !lacksKill(t, status["CapEff"]) {
		t.Fatalf("the parent has capabilities %s", status["CapEff"])
	}
	f.signal(syscall.SIGTERM, "parent")
	ended := make(chan error, 1)
	go func() { ended <- f.parent.Wait() }()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the parent waits for ever")
	}
	if _, err := os.Stat("/proc/" + worker); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the worker is left behind: %v", err)
	}
}

// lacksKill reports whether CAP_KILL (5) is not in the set.
func lacksKill(t *testing.T, set string) bool {
	t.Helper()
	bits, err := strconv.ParseUint(set, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return bits&(1<<5) == 0
}

// A worker that leaves is under another root than the new settings are for.
func TestLeaverOfAnotherConfinement(t *testing.T) {
	needRoot(t)
	h := newHouse(t, settings{Answer: "one"}).start()
	c := h.dial()
	h.wantAnswer(c, "?", "one")
	h.next.Confinement.User = "nobody"
	h.mustReload(settings{Answer: "two"})
	h.wantReleased(c)
	h.wantAnswer(h.dial(), "?", "two")
}
