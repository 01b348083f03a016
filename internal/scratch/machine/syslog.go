package machine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"
)

// syslogPath is where syslog(3) writes.
const syslogPath = "/dev/log"

// Syslog is the syslog daemon of a machine: it takes what programs log and
// keeps it in memory. Its methods may be called concurrently.
type Syslog struct {
	conn *net.UnixConn

	mu   sync.Mutex
	text strings.Builder
}

// NewSyslog listens on /dev/log of this machine, until the machine ends.
func NewSyslog() (*Syslog, error) {
	if !Inside() {
		return nil, errors.New("machine: syslog: /dev/log is not ours: call Run first")
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: syslogPath, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("machine: syslog: %w", err)
	}
	if err := os.Chmod(syslogPath, 0o666); err != nil {
		conn.Close()
		return nil, fmt.Errorf("machine: syslog: %w", err)
	}
	s := &Syslog{conn: conn}
	go s.receive()
	return s, nil
}

func (s *Syslog) receive() {
	// the priority and the time of RFC 3164 as syslog(3) writes them
	header := regexp.MustCompile(`^<\d+>([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d )?`)
	packet := make([]byte, 65536)
	for {
		n, err := s.conn.Read(packet)
		if err != nil {
			return
		}
		line := header.ReplaceAllString(strings.TrimRight(string(packet[:n]), "\x00\n"), "")
		s.mu.Lock()
		s.text.WriteString(time.Now().Format("15:04:05.000 ") + line + "\n")
		s.mu.Unlock()
	}
}

// Text is all that has been logged: lines with a time, the program with its
// process number, and what it says.
func (s *Syslog) Text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// Len is the length of Text, as a mark to read from later.
func (s *Syslog) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Len()
}

// Wait waits until a line after mark matches, and returns it with its submatches.
func (s *Syslog) Wait(ctx context.Context, mark int, pattern *regexp.Regexp) ([]string, error) {
	for {
		if found := pattern.FindStringSubmatch(s.Text()[mark:]); found != nil {
			return found, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("machine: syslog: %w before a line matched %q", ctx.Err(), pattern)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Close ends the listening.
func (s *Syslog) Close() error { return s.conn.Close() }
