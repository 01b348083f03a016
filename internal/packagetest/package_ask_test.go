//go:build integration

package packagetest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// askTime is for one question, a restart of the daemon included.
const askTime = time.Minute

// ask asks the map office on a connection of its own, and takes no excuse.
func ask(key string) (string, error) {
	return talk("socketmap", netstring("office "+key), func(r *bufio.Reader) (string, error) {
		var n int
		if _, err := fmt.Fscanf(r, "%d:", &n); err != nil {
			return "", err
		}
		reply := make([]byte, n+1)
		_, err := io.ReadFull(r, reply)
		return string(reply[:n]), err
	})
}

func netstring(s string) string { return fmt.Sprintf("%d:%s,", len(s), s) }

// askPolicy asks for an action, the same way.
func askPolicy() (string, error) {
	request := "request=smtpd_access_policy\nprotocol_state=RCPT\npolicy_context=gate\nclient_address=192.0.2.7\nrecipient=info@example.org\n\n"
	return talk("policy", request, func(r *bufio.Reader) (string, error) {
		line, err := r.ReadString('\n')
		if err == nil {
			_, err = r.ReadString('\n')
		}
		return strings.TrimSpace(line), err
	})
}

func talk(socket, request string, answer func(*bufio.Reader) (string, error)) (string, error) {
	conn, err := net.DialTimeout("unix", "/var/spool/postfix/postern/"+socket, askTime)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(askTime)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, request); err != nil {
		return "", err
	}
	return answer(bufio.NewReader(conn))
}
