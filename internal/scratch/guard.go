package scratch

import (
	"io"
	"os/exec"
	"syscall"
)

// guard is a shell that stops Postfix when this program dies. The kernel
// cannot: master(8) is not our child. The shell waits on a pipe whose other end
// only we hold, so it wakes however we end.
type guard struct {
	cmd  *exec.Cmd
	pipe io.Closer
}

// guardScript takes root folder, configuration directory and folder to remove.
const guardScript = `trap '' HUP INT TERM
read -r nothing
${1:+chroot "$1"} postfix -c "$2" stop
${3:+rm -rf "$3"}`

// startGuard starts the shell in a session of its own, out of the reach of
// signals to our process group.
func startGuard(root, config, removable string) (*guard, error) {
	cmd := exec.Command("/bin/sh", "-c", guardScript, "postern-guard", root, config, removable)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &guard{cmd: cmd, pipe: pipe}, nil
}

// dismiss ends the shell before it does anything.
func (g *guard) dismiss() {
	g.cmd.Process.Kill()
	g.pipe.Close()
	g.cmd.Wait()
}
