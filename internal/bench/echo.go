package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// echoCommand as the first argument makes this program an echo server, so that
// it stands beside the daemon as a process of its own.
const echoCommand = "echo-server"

// echo is a running echo server: the least that a server of a framing can do.
// It reads a frame and writes one of the size of the right answer.
type echo struct {
	network, address string
	cmd              *exec.Cmd
	stdin            io.Closer // its end is the server's end
}

// startEcho starts one for "socketmap" or "tcptable" frames.
func (l *lab) startEcho(ctx context.Context, framing, network, address, reply string) (*echo, error) {
	cmd := exec.CommandContext(ctx, l.self, echoCommand, framing, network, address, reply)
	cmd.Stderr = l.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("echo server: %w", err)
	}
	e := &echo{network: network, cmd: cmd, stdin: stdin}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		e.stop()
		return nil, fmt.Errorf("echo server: it did not say its address: %w", err)
	}
	e.address = strings.TrimSpace(line)
	return e, nil
}

func (e *echo) stop() {
	e.stdin.Close()
	time.AfterFunc(5*time.Second, func() { e.cmd.Process.Kill() })
	e.cmd.Wait()
}

// echoMain is the server: it says where it listens and ends with its stdin.
func echoMain(args []string) int {
	if len(args) != 4 {
		fmt.Fprintln(os.Stderr, "bench: echo server: want framing, network, address, reply")
		return 2
	}
	read := readLine
	if args[0] == "socketmap" {
		read = readNetstring
	}
	ln, err := net.Listen(args[1], args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: echo server:", err)
		return 1
	}
	defer ln.Close()
	fmt.Println(ln.Addr())
	go serveEcho(ln, read, []byte(args[3]))
	io.Copy(io.Discard, os.Stdin)
	return 0
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
