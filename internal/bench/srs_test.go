package main

import (
	"bytes"
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/srsd/srs"
)

func TestSRSPairs(t *testing.T) {
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	pairs, err := srsPairs(300, now)
	if err != nil || len(pairs) != 300 {
		t.Fatalf("%d pairs, %v", len(pairs), err)
	}
	r, err := srs.New(srs.Options{Domain: srsDomain})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, p := range pairs {
		if back, err := r.Reverse(srs.Keys{srs.NewKey([]byte(srsSecret))}, now, p.rewritten); back != p.sender || err != nil {
			t.Errorf("%s turns back into %q, %v, want %s", p.rewritten, back, err, p.sender)
		}
		if len(p.sender) != len(pairs[0].sender) || len(p.rewritten) != len(pairs[0].rewritten) {
			t.Errorf("%s, %s: the length is not that of others", p.sender, p.rewritten)
		}
		seen[p.sender] = true
	}
	if len(seen) != len(pairs) {
		t.Errorf("%d senders differ, want all %d", len(seen), len(pairs))
	}
	if q := forwardLines(pairs)[0]; string(q.ask) != "get "+pairs[0].sender+"\n" || string(q.reply) != "200 "+pairs[0].rewritten+"\n" {
		t.Errorf("forward: %q, %q", q.ask, q.reply)
	}
	if q := reverseLines(pairs)[0]; string(q.ask) != "get "+pairs[0].rewritten+"\n" || string(q.reply) != "200 "+pairs[0].sender+"\n" {
		t.Errorf("reverse: %q, %q", q.ask, q.reply)
	}
}

// echoing is a server of the questions for a test.
func echoing(t *testing.T, questions []question, reply string) server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go serveEcho(ln, readLine, []byte(reply))
	var spent time.Duration
	cpu := func() (time.Duration, error) { spent += time.Second; return spent, nil }
	return server{"tcp", ln.Addr().String(), cpu, questions}
}

func TestCompete(t *testing.T) {
	l := &lab{quick: true}
	good := []question{tcpQuestion("a@b", "200 x"), tcpQuestion("c@d", "200 x")}
	got, cpu, err := l.compete(t.Context(), 2, echoing(t, good, "200 x\n"), echoing(t, good, "200 x\n"))
	if err != nil || len(got) != 2 || len(got[0]) != 6 || len(got[1]) != 6 || len(cpu) != 2 || !strings.HasSuffix(cpu[0], " µs") {
		t.Errorf("%v, %v, %v, want two series of three rounds and the CPU time of two", got, cpu, err)
	}
	if _, _, err := l.compete(t.Context(), 1, echoing(t, good, "200 x\n"), echoing(t, good, "500 y\n")); err == nil || !strings.Contains(err.Error(), `"500 y\n"`) {
		t.Errorf("%v, want the wrong reply in it", err)
	}
	nobody := server{network: "tcp", address: "127.0.0.1:1", questions: good}
	if _, _, err := l.compete(t.Context(), 1, nobody); err == nil {
		t.Error("no error from a server that is not there")
	}
}

func TestHelpers(t *testing.T) {
	for _, args := range [][]string{nil, {"-only", "srs"}, {"srs"}} {
		if helperOf(args) != nil {
			t.Errorf("%q makes a helper of the program", args)
		}
	}
	for _, name := range []string{echoCommand, logSinkCommand, devLogCommand} {
		help := helperOf([]string{name})
		if help == nil {
			t.Errorf("%s: no helper", name)
			continue
		}
		var stderr bytes.Buffer
		if status := helperMain(help, []string{name}, &stderr); status != 1 || !strings.HasPrefix(stderr.String(), "bench: "+name+": want ") {
			t.Errorf("%s without arguments: status %d, %q", name, status, &stderr)
		}
	}
}

func TestSwallow(t *testing.T) {
	at := filepath.Join(t.TempDir(), "log")
	sink, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: at, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { swallow(sink); close(ended) }()
	conn, err := net.Dial("unixgram", at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	for range 5000 { // more than the kernel holds
		if _, err := conn.Write([]byte("<22>Nov 21 00:00:00 postsrsd[1]: line")); err != nil {
			t.Fatal(err)
		}
	}
	sink.Close()
	<-ended
}

func TestTablesThatDoNotStart(t *testing.T) {
	l := &lab{dir: t.TempDir()}
	_, err := l.startTables(t.Context(), "nothing", func(*tables) *exec.Cmd { return exec.Command("/nonexistent") })
	if err == nil || !strings.HasPrefix(err.Error(), "nothing: ") {
		t.Errorf("%v, want the name of what does not start", err)
	}
	_, err = l.startTables(t.Context(), "refuser", func(*tables) *exec.Cmd {
		return exec.Command("/bin/sh", "-c", "echo no secret >&2; exit 1")
	})
	if err == nil || !strings.Contains(err.Error(), "it ended: exit status 1") || !strings.Contains(err.Error(), "no secret") {
		t.Errorf("%v, want how it ended and what it said", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = l.startTables(ctx, "sleeper", func(*tables) *exec.Cmd { return exec.Command("/bin/sleep", "60") })
	if err == nil || !strings.Contains(err.Error(), context.DeadlineExceeded.Error()) {
		t.Errorf("%v, want the end of the time", err)
	}
}
