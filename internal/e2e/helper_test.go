//go:build integration

package e2e

import (
	"database/sql"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	_ "modernc.org/sqlite"
)

// runHelper is what this program does as a child of its own, until its standard
// input ends:
//
//	half-open N NETWORK ADDRESS
//	lock PATH
func runHelper(command string) int {
	if path, found := strings.CutPrefix(command, "lock "); found {
		return holdLock(path)
	}
	return holdConnections(command)
}

// holdLock has an SQLite file locked, as a backup or a careless shell does.
func holdLock(path string) int {
	db, err := sql.Open("sqlite", "file:"+path)
	if err == nil {
		db.SetMaxOpenConns(1)
		_, err = db.Exec("BEGIN EXCLUSIVE")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("locked")
	io.Copy(io.Discard, os.Stdin)
	return 0
}

// holdConnections opens connections, sends half a request on each and says so.
// They need more descriptors than fit into the program that tests.
func holdConnections(command string) int {
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
