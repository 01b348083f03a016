package doctor

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// errSilent says that a peer does not speak the protocol.
var errSilent = errors.New("no answer of the protocol")

// longestReply bounds what is read of a peer, in bytes.
const longestReply = 100_000

// Process asks as a process of Postfix does: as its user, in its folder or,
// where the service is chrooted, confined to it. It has to be root.
type Process struct {
	Queue   string        // queue_directory
	User    string        // mail_owner
	Timeout time.Duration // of a question; 5 s if zero
}

var _ Asker = Process{}

// Ask connects and asks one question. No question changes anything: a map is
// asked for a key that no row has, a policy service for a request without any
// attribute that a limit could count, a milter for its protocol version.
func (p Process) Ask(ctx context.Context, q Question) (string, error) {
	if p.Timeout <= 0 {
		p.Timeout = 5 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	conn, err := p.connect(ctx, q)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	answer, err := converse(conn, q)
	if err != nil && !errors.Is(err, errSilent) {
		err = fmt.Errorf("%w: %w", errSilent, err)
	}
	return answer, err
}

// converse speaks the protocol of the question.
func converse(conn net.Conn, q Question) (string, error) {
	r := bufio.NewReader(io.LimitReader(conn, longestReply))
	switch q.Protocol {
	case "socketmap":
		return askSocketmap(conn, r, q)
	case "tcp":
		return askLine(conn, r, "get "+q.Key+"\n")
	case "policy":
		return askLine(conn, r, "request=smtpd_access_policy\nprotocol_state=CONNECT\nprotocol_name=ESMTP\n\n")
	case "sasl":
		return askSASL(conn, r)
	case "milter":
		return askMilter(conn, r)
	}
	return "", nil
}

// askLine asks for one line.
func askLine(w io.Writer, r *bufio.Reader, question string) (string, error) {
	if _, err := io.WriteString(w, question); err != nil {
		return "", err
	}
	answer, err := r.ReadString('\n')
	return strings.TrimRight(answer, "\r\n"), err
}

// askSocketmap asks a socketmap_table(5) server.
func askSocketmap(w io.Writer, r *bufio.Reader, q Question) (string, error) {
	request := q.Map + " " + q.Key
	if _, err := fmt.Fprintf(w, "%d:%s,", len(request), request); err != nil {
		return "", err
	}
	digits, err := r.ReadString(':')
	if err != nil {
		return "", err
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(digits, ":"), 10, 17)
	if err != nil || n >= longestReply {
		return "", fmt.Errorf("%w: %.20q is no netstring", errSilent, digits)
	}
	reply := make([]byte, n+1)
	if _, err := io.ReadFull(r, reply); err != nil {
		return "", err
	}
	return string(reply[:n]), nil
}

// askSASL greets a Dovecot auth server as smtpd(8) does.
func askSASL(w io.Writer, r *bufio.Reader) (string, error) {
	greeting := fmt.Sprintf("VERSION\t1\t2\nCPID\t%d\n", os.Getpid())
	answer, err := askLine(w, r, greeting)
	if err == nil && !strings.HasPrefix(answer, "VERSION\t") {
		return "", fmt.Errorf("%w: %.40q is no Dovecot auth server", errSilent, answer)
	}
	return answer, err
}

// askMilter negotiates (SMFIC_OPTNEG) and quits.
func askMilter(w io.Writer, r *bufio.Reader) (string, error) {
	packet := binary.BigEndian.AppendUint32(nil, 13)
	packet = append(packet, 'O')
	for _, n := range []uint32{6, 0x1ff, 0x1fffff} { // version, actions, what may be left out
		packet = binary.BigEndian.AppendUint32(packet, n)
	}
	if _, err := w.Write(packet); err != nil {
		return "", err
	}
	head := make([]byte, 5)
	if _, err := io.ReadFull(r, head); err != nil {
		return "", err
	}
	if head[4] != 'O' {
		return "", fmt.Errorf("%w: %.5q is no milter", errSilent, head)
	}
	_, err := w.Write([]byte{0, 0, 0, 1, 'Q'})
	return "O", err
}
