package scratch

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// TestFreePorts: nobody gets a port that another has, nor one where somebody
// listens.
func TestFreePorts(t *testing.T) {
	seen := map[int]bool{}
	for range 100 {
		first, err := FreePorts(5)
		if err != nil {
			t.Fatal(err)
		}
		for port := first; port < first+5; port++ {
			if seen[port] {
				t.Fatalf("port %d is given twice", port)
			}
			seen[port] = true
			l, err := net.Listen("tcp4", loopback(port))
			if err != nil {
				t.Fatal(err)
			}
			l.Close()
		}
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if port := l.Addr().(*net.TCPAddr).Port; free(port-2, 5) {
		t.Errorf("somebody listens on port %d", port)
	}
}

// portEnv tells the test binary to be another program that wants a port.
const portEnv = "POSTERN_SCRATCH_PORT"

// TestPortOfAnother: a port is given to one program at a time, listened on or not.
func TestPortOfAnother(t *testing.T) {
	if wanted, _ := strconv.Atoi(os.Getenv(portEnv)); wanted > 0 {
		if !free(wanted, 1) {
			t.Error("taken")
		}
		return
	}
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	ask := func(port int) string {
		other := exec.Command(os.Args[0], "-test.run=^TestPortOfAnother$")
		other.Env = append(os.Environ(), portEnv+"="+strconv.Itoa(port))
		out, err := other.CombinedOutput()
		if err != nil && !strings.Contains(string(out), "taken") {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	if out := ask(port); !strings.Contains(out, "taken") {
		t.Errorf("another program takes port %d:\n%s", port, out)
	}
}
