//go:build integration

package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
)

// runHelper is what this program does as a child of its own. "half-open N
// NETWORK ADDRESS" opens connections, sends half a request on each, says so
// and holds them until its standard input ends. They need more descriptors
// than fit into the program that tests.
func runHelper(command string) int {
	var n int
	var network, addr string
	if _, err := fmt.Sscanf(command, "half-open %d %s %s", &n, &network, &addr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	halves := []string{"", "2", "30:virtual info", "99999999999999999999", "12:", "100000:" + strings.Repeat("x", 5000)}
	var held []net.Conn
	for i := range n {
		conn, err := net.Dial(network, addr)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		io.WriteString(conn, halves[i%len(halves)]) // the daemon may have hung up already
		held = append(held, conn)
	}
	fmt.Println("holding", len(held))
	io.Copy(io.Discard, os.Stdin)
	return 0
}
