package dialog

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// Bytes plays c against h over bytes: all requests are there at once, in the
// portions that chunk makes of them (nil: as they are), and all replies must
// come in order.
func Bytes(t *testing.T, c Conversation, h Handler, chunk func(io.Reader) io.Reader) {
	t.Helper()
	var in, want strings.Builder
	for _, turn := range c.Turns {
		in.WriteString(turn.Send)
		want.WriteString(turn.Reply)
	}
	var input io.Reader = strings.NewReader(in.String())
	if chunk != nil {
		input = chunk(input)
	}
	got, err := Run(h, input)
	if got != want.String() {
		t.Errorf("replies:\n got %.500q\nwant %.500q", got, want.String())
	}
	if closed := !errors.Is(err, io.EOF); closed != c.Closed {
		t.Errorf("closed by the server: %v, want %v (%v)", closed, c.Closed, err)
	}
}

// Run has h answer all of input, and gives the replies and the error that
// ended it: io.EOF where the input was at its end.
func Run(h Handler, input io.Reader) (replies string, err error) {
	var out bytes.Buffer
	r, w := bufio.NewReader(input), bufio.NewWriter(&out)
	for err == nil {
		err = h.ServeRequest(context.Background(), r, w)
		_ = w.Flush()
	}
	return out.String(), err
}

// Socket plays c against a server at address, turn by turn.
func Socket(t *testing.T, c Conversation, network, address string) {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	for i, turn := range c.Turns {
		last := i == len(c.Turns)-1
		if _, err := io.WriteString(conn, turn.Send); err != nil && !last {
			t.Fatalf("line %d: send: %v", turn.Line, err)
		}
		got := make([]byte, len(turn.Reply))
		n, err := io.ReadFull(conn, got)
		if string(got[:n]) != turn.Reply {
			t.Fatalf("line %d: reply\n got %.500q (%v)\nwant %.500q", turn.Line, got[:n], err, turn.Reply)
		}
	}
	end(t, conn, c.Closed)
}

// end looks for what must not be there: further bytes, or an open connection
// that should have been closed.
func end(t *testing.T, conn net.Conn, closed bool) {
	t.Helper()
	if !closed {
		if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Errorf("the connection should be open: %v", err)
		}
	}
	rest, err := io.ReadAll(conn)
	if len(rest) > 0 {
		t.Errorf("bytes after the last reply: %.200q", rest)
	}
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		t.Errorf("the server did not close the connection")
	}
}
