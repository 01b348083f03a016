//go:build integration

package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// asker asks a socketmap as a Postfix process does: one connection, one
// question at a time, and after an end of the connection once more at once on
// a new one (dict_sockmap.c). A refused connection is an error at once.
type asker struct {
	network, addr string
	brief         bool // a connection per question
	dials         int  // connections up to now
	conn          net.Conn
	reader        *bufio.Reader
}

func (d *daemon) asker() *asker { return &asker{network: "tcp", addr: d.inet} }

func (d *daemon) unixAsker() *asker { return &asker{network: "unix", addr: d.unix} }

// ask returns the reply's payload, "OK value" or "NOTFOUND " for instance.
func (a *asker) ask(name, key string) (string, error) {
	request := frame(name + " " + key)
	for attempt := 1; ; attempt++ {
		if err := a.connect(); err != nil {
			return "", err
		}
		reply, err := a.exchange(request)
		if a.brief && err == nil {
			a.close()
		}
		if err == nil {
			return reply, nil
		}
		a.close()
		if attempt == 2 || errors.Is(err, os.ErrDeadlineExceeded) {
			return "", fmt.Errorf("attempt %d: %w", attempt, err)
		}
	}
}

func (a *asker) connect() error {
	if a.conn != nil {
		return nil
	}
	conn, err := net.DialTimeout(a.network, a.addr, patience)
	if err != nil {
		return err
	}
	a.conn, a.reader = conn, bufio.NewReader(conn)
	a.dials++
	return nil
}

func (a *asker) exchange(request string) (string, error) {
	a.conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(a.conn, request); err != nil {
		return "", err
	}
	return readFrame(a.reader)
}

func (a *asker) close() {
	if a.conn != nil {
		a.conn.Close()
		a.conn = nil
	}
}

// must asks and fails the test without an answer.
func (a *asker) must(t *testing.T, name, key string) string {
	t.Helper()
	reply, err := a.ask(name, key)
	if err != nil {
		t.Fatalf("%s %q: %v", name, key, err)
	}
	return reply
}

// frame is a netstring.
func frame(payload string) string { return fmt.Sprintf("%d:%s,", len(payload), payload) }

// readFrame reads a netstring of up to 100,000 bytes.
func readFrame(r *bufio.Reader) (string, error) {
	head, err := r.ReadString(':')
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(head, ":"))
	if err != nil || n < 0 || n > 100000 {
		return "", fmt.Errorf("no netstring: %q", head)
	}
	payload := make([]byte, n+1)
	if _, err := io.ReadFull(r, payload); err != nil {
		return "", err
	}
	if payload[n] != ',' {
		return "", fmt.Errorf("no comma after %q", payload)
	}
	return string(payload[:n]), nil
}

// status is the first word of a reply.
func status(reply string) string {
	word, _, _ := strings.Cut(reply, " ")
	return word
}
