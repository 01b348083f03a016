package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"postern/internal/milter/miltertest"
)

// askGuard plays a mail of a login to the From guard and prints the answers to
// MAIL and to the end of the message: guard HOST:PORT LOGIN SENDER HEADER...
func askGuard(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: guard HOST:PORT LOGIN SENDER HEADER...")
	}
	conn := dialScript(ts, args[0])
	defer conn.Close()
	ask := func(line string) (code byte, text string) {
		packet, err := miltertest.Packet(line)
		ts.Check(err)
		_, err = conn.Write(packet)
		ts.Check(err)
		if strings.HasPrefix(line, "MACRO") {
			return 0, ""
		}
		var head [5]byte
		_, err = io.ReadFull(conn, head[:])
		ts.Check(err)
		data := make([]byte, binary.BigEndian.Uint32(head[:])-1)
		_, err = io.ReadFull(conn, data)
		ts.Check(err)
		return head[4], strings.TrimSuffix(string(data), "\x00")
	}
	ask(miltertest.OptNeg)
	ask("MACRO MAIL {auth_authen}=" + args[1])
	if code, text := ask("MAIL " + args[2]); code != 'c' {
		fmt.Fprintf(ts.Stdout(), "%c %s\n", code, text)
		return
	}
	for _, header := range args[3:] {
		ask("HEADER " + header)
	}
	code, text := ask("END")
	fmt.Fprintf(ts.Stdout(), "%c %s\n", code, text)
}
