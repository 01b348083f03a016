//go:build integration

package e2e

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// srsTables are the two tables of a server.
type srsTables struct{ forward, reverse *rawTable }

// startSRSTwins runs Debian's PostSRSd 1.10 and `postern srsd` with the same
// /etc/default/postsrsd: settings are its lines but those of ports and secret.
func startSRSTwins(t *testing.T, settings, secrets string) (original, ours srsTables) {
	t.Helper()
	dir := secretFolder(t, secrets)
	launch := func(name string, command ...string) srsTables {
		file := filepath.Join(dir, name)
		cmd := exec.Command(command[0], append(command[1:], file)...)
		return startTables(t, cmd, file+".log", func(basics []string) {
			writeFile(t, file, strings.Join(basics, "\n")+"\nSRS_LISTEN_ADDR=127.0.0.1\nSRS_SECRET="+dir+"/secret\n"+settings)
		})
	}
	original = launch("original", "/bin/sh", "-c", originalScript, "postsrsd")
	ours = launch("ours", shared.binary, "srsd", "--metrics", "off", "--defaults")
	return original, ours
}

// startSRSTwinsByEnvironment does so with settings that are variables of the
// environment.
func startSRSTwinsByEnvironment(t *testing.T, settings []string, secrets string) (original, ours srsTables) {
	t.Helper()
	dir := secretFolder(t, secrets)
	launch := func(name string, command ...string) srsTables {
		cmd := exec.Command(command[0], command[1:]...)
		return startTables(t, cmd, filepath.Join(dir, name+".log"), func(basics []string) {
			cmd.Env = append(append(os.Environ(), "SRS_SECRET="+dir+"/secret"), append(basics, settings...)...)
		})
	}
	original = launch("original", "/usr/sbin/postsrsd", "-4", "-l", "127.0.0.1", "-e")
	ours = launch("ours", shared.binary, "srsd", "--metrics", "off", "--defaults", "")
	return original, ours
}

// secretFolder holds a file of secrets.
func secretFolder(t *testing.T, secrets string) string {
	t.Helper()
	dir := openFolder(t)
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte(secrets), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// startTables runs a server on free ports, which configure is told.
func startTables(t *testing.T, cmd *exec.Cmd, log string, configure func(basics []string)) srsTables {
	t.Helper()
	forward, reverse := freeAddr(t), freeAddr(t)
	_, forwardPort, _ := net.SplitHostPort(forward)
	_, reversePort, _ := net.SplitHostPort(reverse)
	configure([]string{"SRS_DOMAIN=example.com", "SRS_FORWARD_PORT=" + forwardPort, "SRS_REVERSE_PORT=" + reversePort})
	runUntilDone(t, log, cmd)
	return srsTables{openRawTable(t, forward), openRawTable(t, reverse)}
}

// originalScript starts PostSRSd in the foreground as Debian's init script
// does in the background.
const originalScript = `
SRS_SEPARATOR==
SRS_HASHLENGTH=4
SRS_HASHMIN=4
. "$1"
exec /usr/sbin/postsrsd $SRS_EXTRA_OPTIONS -4 -f "$SRS_FORWARD_PORT" -r "$SRS_REVERSE_PORT" \
	-d "$SRS_DOMAIN" -s "$SRS_SECRET" -a "$SRS_SEPARATOR" -n "$SRS_HASHLENGTH" -N "$SRS_HASHMIN" \
	${RUN_AS:+-u "$RUN_AS"} ${CHROOT:+-c "$CHROOT"} -l "$SRS_LISTEN_ADDR" -X"$SRS_EXCLUDE_DOMAINS"
`

// runUntilDone runs a server until the test is over.
func runUntilDone(t *testing.T, logFile string, cmd *exec.Cmd) {
	t.Helper()
	log, err := os.Create(logFile)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	p, err := startProcess(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.end(syscall.SIGTERM)
		if t.Failed() {
			text, _ := os.ReadFile(logFile)
			t.Logf("%s:\n%s", filepath.Base(logFile), tail(string(text), 2000))
		}
	})
}

// rawTable asks a tcp_table, byte for byte.
type rawTable struct {
	address string
	conn    net.Conn // nil: the server has closed it
	r       *bufio.Reader
}

// openRawTable waits until the server is there.
func openRawTable(t *testing.T, address string) *rawTable {
	t.Helper()
	table := &rawTable{address: address}
	eventually(t, "a server at "+address, func() bool { return table.open() == nil })
	t.Cleanup(table.close)
	return table
}

func (r *rawTable) open() (err error) {
	if r.conn == nil {
		if r.conn, err = net.Dial("tcp", r.address); err == nil {
			r.r = bufio.NewReader(r.conn)
		} else {
			r.conn = nil
		}
	}
	return err
}

func (r *rawTable) close() {
	if r.conn != nil {
		r.conn.Close()
		r.conn = nil
	}
}

// ask sends a request line and gives the reply with its LF, and what a server
// does after it that refuses the request.
func (r *rawTable) ask(t *testing.T, request string) string {
	t.Helper()
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	r.conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(r.conn, request); err != nil {
		t.Fatalf("%s: send %.200q: %v", r.address, request, err)
	}
	reply, err := r.r.ReadString('\n')
	if err != nil {
		defer r.close()
		return reply + "(" + err.Error() + ")"
	}
	if strings.HasPrefix(reply, "500 Invalid") {
		defer r.close()
		rest, _ := io.ReadAll(r.r) // an end, or a reset where it has not read everything
		reply += string(rest) + "(closed)"
	}
	return reply
}
