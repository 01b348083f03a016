package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParseStat(t *testing.T) {
	s, err := parseStat([]byte("42 (a b) c) S 1 40 40 0 -1 4194560 1 2 3 4 7 5 11 13 20 0 1 0\n"))
	want := stat{parent: 1, group: 40, own: 120 * time.Millisecond, children: 240 * time.Millisecond}
	if err != nil || s != want {
		t.Errorf("parseStat = %+v, %v, want %+v", s, err, want)
	}
	for _, bad := range []string{"", "42 (a) S 1 40", "42 (a) S 1 40 40 0 -1 4194560 1 2 3 4 x 5 11 13 20"} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("parseStat(%q) gave no error", bad)
		}
	}
}

func TestProcOfOurselves(t *testing.T) {
	if n, err := residentOf(os.Getpid()); err != nil || n < 1<<20 {
		t.Errorf("resident = %d, %v, want a megabyte at least", n, err)
	}
	if _, err := cpuOf(os.Getpid()); err != nil {
		t.Error(err)
	}
	if ran, err := cpuOfFamily(os.Getpid()); err != nil || ran <= 0 {
		t.Errorf("our family took %v, %v, want some time", ran, err)
	}
	for name, of := range map[string]func(int) (time.Duration, error){"alone": cpuOf, "group": cpuOfGroup, "family": cpuOfFamily} {
		if _, err := of(-1); err == nil {
			t.Errorf("a process that does not exist has CPU time, %s", name)
		}
	}
}

// growing gives one piece a call.
type growing struct{ pieces []string }

func (g *growing) Read(p []byte) (int, error) {
	if len(g.pieces) == 0 || g.pieces[0] == "" {
		g.pieces = g.pieces[min(1, len(g.pieces)):]
		return 0, io.EOF
	}
	n := copy(p, g.pieces[0])
	g.pieces[0] = g.pieces[0][n:]
	return n, nil
}

func (g *growing) Close() error { return nil }

func TestMailLogCountsWholeLines(t *testing.T) {
	log := mailLog{file: &growing{pieces: []string{"qmgr: A: removed\nqmgr: B: rem", "oved\nqmgr: C: removed", "\n",
		"cleanup: warning: file system clock is 1 seconds ahead of local clock\n"}}}
	for i, want := range []int{1, 1, 1, 0, 0} {
		if n, err := log.removed(); n != want || err != nil {
			t.Errorf("call %d: %d, %v, want %d", i, n, err, want)
		}
	}
}

func TestMailLogTellsTrouble(t *testing.T) {
	for _, line := range []string{
		"smtp: A: to=<a@b>, status=deferred (no)\n", "smtpd: warning: table lookup problem\n",
		"smtpd: NOQUEUE: reject: RCPT from x\n", "smtp: A: status=bounced\n",
	} {
		log := mailLog{file: &growing{pieces: []string{line}}}
		if _, err := log.removed(); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(line)) {
			t.Errorf("%q gave %v, want the line", line, err)
		}
	}
}

func TestDelayLine(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go serveEcho(server, readLine, []byte("pong\n"))
	line, err := newDelayLine(server.Addr().String(), 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer line.close()
	conn, err := net.Dial("tcp", line.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	began := time.Now()
	io.WriteString(conn, "ping\n")
	reply, err := bufio.NewReader(conn).ReadString('\n')
	if took := time.Since(began); reply != "pong\n" || err != nil || took < 40*time.Millisecond {
		t.Errorf("%q, %v after %s, want pong after 40 ms at least", reply, err, took)
	}
}

func TestDelayLineWithoutAServer(t *testing.T) {
	line, err := newDelayLine("127.0.0.1:1", time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer line.close()
	conn, err := net.Dial("tcp", line.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("bytes came from nowhere")
	}
}

func TestCrowd(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go serveEcho(ln, readNetstring, netstring("OK value"))
	right := socketmapQuestion("aliases", "a@b", "OK value")
	wrong := socketmapQuestion("aliases", "c@d", "OK other")
	crowd, err := newCrowd(t.Context(), "tcp", ln.Addr().String(), 2, []question{right, right, right})
	if err != nil {
		t.Fatal(err)
	}
	defer crowd.close()
	if err := crowd.askAll(); err != nil || crowd.asked != 3 {
		t.Errorf("%d asked, %v, want 3 right answers", crowd.asked, err)
	}
	if rate, err := crowd.slice(20 * time.Millisecond)(t.Context()); err != nil || rate <= 0 {
		t.Errorf("slice = %v, %v", rate, err)
	}
	crowd.questions[1] = wrong
	if err := crowd.askAll(); err == nil || !strings.Contains(err.Error(), `"17:OK value,"`) && !strings.Contains(err.Error(), "OK value") {
		t.Errorf("error %v, want the wrong reply in it", err)
	}
}

func TestCrowdWhoseServerHangsUp(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		conn, err := ln.Accept()
		if err == nil {
			conn.Close()
		}
	}()
	crowd, err := newCrowd(t.Context(), "tcp", ln.Addr().String(), 1, []question{socketmapQuestion("m", "k", "OK v")})
	if err != nil {
		t.Fatal(err)
	}
	defer crowd.close()
	if err := crowd.askAll(); err == nil {
		t.Error("no error from a server that hung up")
	}
}

func TestReadNetstring(t *testing.T) {
	r := bufio.NewReader(strings.NewReader("3:a:b,0:,x:"))
	for i, fine := range []bool{true, true, false} {
		if err := readNetstring(r); (err == nil) != fine {
			t.Errorf("frame %d: %v", i, err)
		}
	}
}

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := pause(ctx, 999*time.Millisecond); err != nil {
			t.Error(err)
		}
		if err := pause(ctx, time.Second); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the end of the context", err)
		}
	})
}

func TestChoose(t *testing.T) {
	if list, err := choose("", nil); err != nil || len(list) != len(measurements()) {
		t.Errorf("all: %d, %v", len(list), err)
	}
	if list, err := choose("mails,allocs", nil); err != nil || names(list) != "mails, allocs" {
		t.Errorf("two: %s, %v", names(list), err)
	}
	if _, err := choose("mail", nil); err == nil || !strings.Contains(err.Error(), "mails") {
		t.Errorf("%v, want the names that there are", err)
	}
	if _, err := choose("", []string{"mails"}); err == nil {
		t.Error("an argument was taken")
	}
}

func TestWrongCommandLine(t *testing.T) {
	for _, args := range [][]string{{"-only", "nothing"}, {"-unknown"}, {"mails"}} {
		var stdout, stderr bytes.Buffer
		if status := run(t.Context(), args, &stdout, &stderr); status != 2 || stdout.Len() > 0 || stderr.Len() == 0 {
			t.Errorf("%v: status %d, stdout %q, stderr %q, want 2 and a complaint", args, status, &stdout, &stderr)
		}
	}
}
