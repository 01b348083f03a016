package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// dialScript connects for one question of a script.
func dialScript(ts *testscript.TestScript, address string) net.Conn {
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	conn, err := net.DialTimeout(network, address, patience)
	ts.Check(err)
	ts.Check(conn.SetDeadline(time.Now().Add(patience)))
	return conn
}

// askTCPTable prints the reply line to a key: tcptable HOST:PORT KEY.
func askTCPTable(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: tcptable HOST:PORT KEY")
	}
	conn := dialScript(ts, args[0])
	defer conn.Close()
	_, err := fmt.Fprintf(conn, "get %s\n", args[1])
	ts.Check(err)
	line, err := bufio.NewReader(conn).ReadString('\n')
	ts.Check(err)
	fmt.Fprint(ts.Stdout(), line)
}

// askSocketmap prints the reply to a key: socketmap HOST:PORT MAP KEY.
func askSocketmap(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: socketmap HOST:PORT MAP KEY")
	}
	conn := dialScript(ts, args[0])
	defer conn.Close()
	request := args[1] + " " + args[2]
	_, err := fmt.Fprintf(conn, "%d:%s,", len(request), request)
	ts.Check(err)
	r := bufio.NewReader(conn)
	length, err := r.ReadString(':')
	ts.Check(err)
	n, err := strconv.Atoi(strings.TrimSuffix(length, ":"))
	ts.Check(err)
	reply := make([]byte, n+1)
	_, err = io.ReadFull(r, reply)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%s\n", reply[:n])
}

// sendBytes sends a Go string and prints all that comes until the other side
// closes, quoted: send HOST:PORT TEXT.
func sendBytes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: send HOST:PORT TEXT")
	}
	text, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	conn := dialScript(ts, args[0])
	defer conn.Close()
	_, err = io.WriteString(conn, text)
	ts.Check(err)
	reply, err := io.ReadAll(conn)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%q\n", reply)
}
