package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
)

// echo is a running echo server: the least that a server of a framing can do.
// It reads a frame and writes one of the size of the right answer.
type echo struct {
	*helper
	network string
}

// startEcho starts one for "socketmap", "tcptable" or "policy" frames.
func (l *lab) startEcho(ctx context.Context, framing, network, address, reply string) (*echo, error) {
	h, err := l.startHelper(ctx, echoCommand, framing, network, address, reply)
	if err != nil {
		return nil, err
	}
	return &echo{h, network}, nil
}

// server is asked the questions of another.
func (e *echo) server(questions []question) server {
	return server{e.network, e.address, e.cpu, sameReply(questions, questions[0].reply)}
}

// echoMain is the server.
func echoMain(args []string) error {
	if len(args) != 4 {
		return errors.New("want framing, network, address, reply")
	}
	read := map[string]func(*bufio.Reader) error{
		"socketmap": readNetstring, "tcptable": readLine, "policy": readLines,
	}[args[0]]
	if read == nil {
		return fmt.Errorf("no framing %q", args[0])
	}
	ln, err := net.Listen(args[1], args[2])
	if err != nil {
		return err
	}
	defer ln.Close()
	go serveEcho(ln, read, []byte(args[3]))
	return helpUntilTheEnd(ln.Addr().String())
}

func serveEcho(ln net.Listener, read func(*bufio.Reader) error, reply []byte) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			r, w := bufio.NewReader(conn), bufio.NewWriter(conn)
			for read(r) == nil {
				w.Write(reply)
				if r.Buffered() == 0 && w.Flush() != nil {
					return
				}
			}
		}()
	}
}

func readLine(r *bufio.Reader) error {
	_, err := r.ReadSlice('\n')
	return err
}

// readLines reads up to the empty line.
func readLines(r *bufio.Reader) error {
	for {
		line, err := r.ReadSlice('\n')
		if err != nil || len(line) == 1 {
			return err
		}
	}
}

func readNetstring(r *bufio.Reader) error {
	head, err := r.ReadSlice(':')
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(string(head[:len(head)-1]))
	if err != nil {
		return err
	}
	_, err = r.Discard(n + 1)
	return err
}
