//go:build integration

package stack

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"net/textproto"
	"slices"
	"sync"
	"testing"
	"time"

	"postern/internal/scratch/machine"
)

// outcome is what the sender of one message saw.
type outcome struct {
	began time.Time
	at    time.Time // when the reply was there
	to    string    // the recipient that was named
	code  int       // of the reply that ended it: 250 is taken; 0 is a connection that broke
	text  string
}

// Taken, Deferred and Refused are the three ends of an attempt. A broken
// connection defers: the sender tries again.
func (o outcome) taken() bool   { return o.code == 250 }
func (o outcome) refused() bool { return o.code/100 == 5 }

// stream sends one message after the other by one door until it is stopped,
// each to a recipient of its own, and remembers what the sender saw.
type stream struct {
	send func(to string) error
	to   func(n int) string

	quit chan struct{}
	done sync.WaitGroup

	mu       sync.Mutex
	outcomes []outcome
}

// pause between the messages of a stream.
const pause = 200 * time.Millisecond

func startStream(t *testing.T, to func(n int) string, send func(to string) error) *stream {
	s := &stream{send: send, to: to, quit: make(chan struct{})}
	s.done.Go(s.run)
	t.Cleanup(s.stop)
	return s
}

func (s *stream) run() {
	for n := 0; ; n++ {
		select {
		case <-s.quit:
			return
		case <-time.After(pause):
		}
		to := s.to(n)
		o := outcome{began: time.Now(), to: to, code: 250}
		if err := s.send(to); err != nil {
			o.code, o.text = 0, err.Error()
			var reply *textproto.Error
			if errors.As(err, &reply) {
				o.code = reply.Code
			}
		}
		o.at = time.Now()
		s.mu.Lock()
		s.outcomes = append(s.outcomes, o)
		s.mu.Unlock()
	}
}

// stop waits for the message under way.
func (s *stream) stop() {
	select {
	case <-s.quit:
	default:
		close(s.quit)
	}
	s.done.Wait()
}

// seen are the outcomes from a time on, until another.
func (s *stream) seen(from, to time.Time) []outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []outcome
	for _, o := range s.outcomes {
		if !o.at.Before(from) && o.at.Before(to) {
			found = append(found, o)
		}
	}
	return found
}

// begun are the outcomes of attempts that lie between two times as a whole.
func (s *stream) begun(from, to time.Time) []outcome {
	return slices.DeleteFunc(s.seen(from, to), func(o outcome) bool { return o.began.Before(from) })
}

// fromOutside sends a message by port 25.
func (s *stack) fromOutside(t *testing.T, sender string) func(to string) error {
	return func(to string) error {
		conn, err := s.world.outside.Dial(t.Context(), stranger, machine.HostAddr+":25")
		if err != nil {
			return err
		}
		return deliver(conn, nil, sender, to)
	}
}

// fromLogin sends a message by port 587. The password is that of another user.
func (s *stack) fromLogin(user, passwordOf, sender string) func(to string) error {
	return func(to string) error {
		conn, err := net.Dial("tcp", "127.0.0.1:587")
		if err != nil {
			return err
		}
		return deliver(conn, smtp.PlainAuth("", user, "secret-of-"+passwordOf, "127.0.0.1"), sender, to)
	}
}

// deliver sends one message and ends the connection. With auth it asks for TLS
// first. A refusal is a *textproto.Error.
func deliver(conn net.Conn, auth smtp.Auth, sender, to string) error {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	c, err := smtp.NewClient(conn, "127.0.0.1")
	if err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	if err := c.Hello("client.outside.test"); err != nil {
		return fmt.Errorf("EHLO: %w", err)
	}
	if auth != nil {
		if err := c.StartTLS(&tls.Config{InsecureSkipVerify: true}); err != nil {
			return fmt.Errorf("STARTTLS: %w", err)
		}
		if err := c.Auth(auth); err != nil {
			return fmt.Errorf("AUTH: %w", err)
		}
	}
	if err := c.Mail(sender); err != nil {
		return fmt.Errorf("MAIL: %w", err)
	}
	if err := c.Rcpt(to); err != nil {
		return fmt.Errorf("RCPT: %w", err)
	}
	w, err := c.Data()
	if err != nil {
		return fmt.Errorf("DATA: %w", err)
	}
	if _, err := w.Write([]byte(letter(sender, to, "stream"))); err != nil {
		return fmt.Errorf("DATA: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("end of message: %w", err)
	}
	c.Quit()
	return nil
}
