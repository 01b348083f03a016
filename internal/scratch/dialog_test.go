package scratch

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// playServer plays the S: lines of a dialogue to one client and checks that it
// sends the C: lines. After the last line it closes the connection.
func playServer(t *testing.T, dialogue string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- serveDialogue(l, dialogue) }()
	t.Cleanup(func() {
		l.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func serveDialogue(l net.Listener, dialogue string) error {
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	in := bufio.NewScanner(conn)
	for line := range strings.Lines(dialogue) {
		who, text := line[:1], strings.TrimRight(line[2:], "\n")
		text = strings.TrimPrefix(text, " ")
		if who == "S" {
			fmt.Fprintf(conn, "%s\r\n", text)
			continue
		}
		if !in.Scan() || in.Text() != text {
			return fmt.Errorf("client sent %q, want %q", in.Text(), text)
		}
	}
	return nil
}

func TestSubmit(t *testing.T) {
	dialogue, err := os.ReadFile("testdata/dialog")
	if err != nil {
		t.Fatal(err)
	}
	addr := playServer(t, string(dialogue))
	replies, err := Submit(t.Context(), addr, "a@example.org", []string{"gone@example.com", "b@example.com"}, "Subject: x\n\n.dot\n")
	if err != nil {
		t.Fatal(err)
	}
	want := ` → 220 mx.example.org
ready
EHLO client.example.net → 250 mx.example.org
PIPELINING
MAIL FROM:<a@example.org> → 250 2.1.0 Ok
RCPT TO:<gone@example.com> → 550 5.1.1 gone:
5.1.1 no such user
RCPT TO:<b@example.com> → 250 2.1.5 Ok
DATA → 354 go on
. → 451 4.3.0 later
QUIT → 221 2.0.0 Bye`
	if got := Transcript(replies); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := Refusals(replies); len(got) != 2 || got[0].Code != 550 || got[1].Code != 451 {
		t.Errorf("refusals %v", got)
	}
}

func TestSubmitStopsEarly(t *testing.T) {
	tests := []struct {
		name, dialogue string
		codes          string // of the replies
		broken         bool   // an error is due
	}{
		{"refused sender", "S: 220 x\nC: EHLO client.example.net\nS: 250 x\nC: MAIL FROM:<a>\nS: 550 no\nC: QUIT\nS: 221 x\n", "[220 250 550 221]", false},
		{"no recipient taken", "S: 220 x\nC: EHLO client.example.net\nS: 250 x\nC: MAIL FROM:<a>\nS: 250 x\nC: RCPT TO:<b>\nS: 450 no\nC: QUIT\nS: 221 x\n", "[220 250 250 450 221]", false},
		{"connection lost", "S: 220 x\nC: EHLO client.example.net\nS: 250 x\nC: MAIL FROM:<a>\n", "[220 250]", true},
		{"no greeting", "", "[]", true},
		{"not SMTP", "S: hello there\n", "[]", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			replies, err := Submit(t.Context(), playServer(t, tt.dialogue), "a", []string{"b"}, "x")
			codes := make([]int, len(replies))
			for i, reply := range replies {
				codes[i] = reply.Code
			}
			if fmt.Sprint(codes) != tt.codes || (err != nil) != tt.broken {
				t.Errorf("codes %v, %v; want %s, error %t", codes, err, tt.codes, tt.broken)
			}
		})
	}
}

func TestDialOfASilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := DialSMTP(ctx, l.Addr().String()); err == nil {
		t.Fatal("a server without greeting was taken")
	}
}
