//go:build integration

package stack

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/internal/scratch"
	"postern/internal/scratch/machine"
)

// A probe is one thing that the host does, as somebody outside, a login or a
// program on the machine sees it. It returns what was wrong. Probes run at the
// same time as others, unless they are alone.
type probe struct {
	name  string
	try   func(p *prober) error
	alone bool // it takes a part away, counts, or takes seconds: it runs by itself, and for its own lines only
}

// prober has what one run of the battery uses, and nobody else: the rows
// probe3@fwd.test, login probe3 … of mutantRows.
type prober struct {
	s        *stack
	n        int
	patience time.Duration // for what must come

	mu    sync.Mutex
	conns []net.Conn
}

// alias, login and so on are the names of this run's rows.
func (p *prober) named(name, domain string) string { return fmt.Sprintf("%s%d@%s", name, p.n, domain) }
func (p *prober) alias() string                    { return p.named("probe", "fwd.test") }
func (p *prober) login() string                    { return fmt.Sprintf("probe%d", p.n) }

// extended is the alias with an extension, and where its mail arrives.
func (p *prober) extended(extension string) (alias, destination string) {
	return fmt.Sprintf("probe%d+%s@fwd.test", p.n, extension), fmt.Sprintf("probe%d+%s@dest.test", p.n, extension)
}

// arrives waits for a message to an address and takes it away.
func (p *prober) arrives(recipient string) (message, error) {
	for end := time.Now().Add(p.patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if m, ok := p.s.world.take(recipient); ok {
			return m, nil
		}
	}
	return message{}, fmt.Errorf("no message for %s within %v", recipient, p.patience)
}

// logs waits for a line in the log after mark.
func (p *prober) logs(mark int, text string) error {
	for end := time.Now().Add(p.patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if strings.Contains(p.s.log.Text()[mark:], text) {
			return nil
		}
	}
	return fmt.Errorf("the log has no %q within %v", text, p.patience)
}

// deferred waits for a message in that queue. The log tells of its delivery a
// moment before, when the queue manager still has it: what is asked of the
// deferred queue then passes it by.
func (p *prober) deferred(id string) error {
	for end := time.Now().Add(p.patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if found, err := filepath.Glob("/var/spool/postfix/deferred/*/" + id); err != nil || len(found) > 0 {
			return err
		}
	}
	return fmt.Errorf("%s is not among the deferred within %v", id, p.patience)
}

// close ends the sessions of the probes: a server that has one outlives a
// reload.
func (p *prober) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.conns {
		conn.Close()
	}
	p.conns = nil
}

// talk is an SMTP session that remembers its first surprise; what is said after
// it is not sent.
type talk struct {
	p    *prober
	conn net.Conn
	text *textproto.Conn
	last scratch.Reply
	err  error
}

// connect makes a session of a connection and reads the greeting.
func (p *prober) connect(conn net.Conn, err error) *talk {
	if err != nil {
		return &talk{p: p, err: fmt.Errorf("connect: %w", err)}
	}
	p.mu.Lock()
	p.conns = append(p.conns, conn)
	p.mu.Unlock()
	k := &talk{p: p, conn: conn, text: textproto.NewConn(conn)}
	return k.say("", 220)
}

// outside is a client from an address outside, after EHLO.
func (p *prober) outside(from string) *talk {
	return p.strangers(from).say("EHLO client.outside.test", 250)
}

// strangers is outside before EHLO.
func (p *prober) strangers(from string) *talk {
	return p.connect(p.s.world.outside.Dial(context.Background(), from, machine.HostAddr+":25"))
}

// near is a client on this machine, with an address of it.
func (p *prober) near(from, to string) *talk {
	dialer := net.Dialer{Timeout: p.patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	return p.connect(dialer.Dial("tcp", to)).say("EHLO program.test", 250)
}

// program is a client on loopback, which may relay.
func (p *prober) program() *talk { return p.near("127.0.0.1", "127.0.0.1:25") }

// submission is a client of port 587 inside TLS; authenticated has logged in.
func (p *prober) submission() *talk {
	return p.near("127.0.0.1", "127.0.0.1:587").starttls()
}

func (p *prober) authenticated() *talk {
	return p.submission().say(authPlain(p.login(), "secret-of-alice"), 235)
}

// starttls goes on inside TLS.
func (k *talk) starttls() *talk {
	k.say("STARTTLS", 220)
	if k.err == nil {
		k.conn = tls.Client(k.conn, &tls.Config{InsecureSkipVerify: true})
		k.text = textproto.NewConn(k.conn)
	}
	return k.say("EHLO client.outside.test", 250)
}

// say sends a line; the reply must have a code and contain all texts. An empty
// line sends nothing.
func (k *talk) say(line string, code int, texts ...string) *talk {
	if k.err != nil {
		return k
	}
	if line != "" {
		k.raw(line + "\r\n")
	}
	k.read(line)
	if k.err == nil && (k.last.Code != code || slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(k.last.Text, text) })) {
		k.err = fmt.Errorf("%s; want %d %s", oneLine(k.last.String()), code, strings.Join(texts, " … "))
	}
	return k
}

// raw sends bytes as they are.
func (k *talk) raw(text string) *talk {
	if k.err == nil {
		k.conn.SetDeadline(time.Now().Add(k.p.patience))
		_, k.err = k.conn.Write([]byte(text))
	}
	return k
}

// read reads one reply into last.
func (k *talk) read(command string) *talk {
	if k.err == nil {
		k.conn.SetDeadline(time.Now().Add(k.p.patience))
		code, text, err := k.text.ReadResponse(0)
		k.last = scratch.Reply{Command: command, Code: code, Text: text}
		if err != nil {
			k.err = fmt.Errorf("reply to %q: %w", command, err)
		}
	}
	return k
}

// not is a text that the last reply must not have.
func (k *talk) not(texts ...string) *talk {
	for _, text := range texts {
		if k.err == nil && strings.Contains(k.last.Text, text) {
			k.err = fmt.Errorf("%s; it must not say %s", oneLine(k.last.String()), text)
		}
	}
	return k
}

// envelope says MAIL and RCPT, which must be taken.
func (k *talk) envelope(sender string, recipients ...string) *talk {
	k.say("MAIL FROM:<"+sender+">", 250)
	for _, recipient := range recipients {
		k.say("RCPT TO:<"+recipient+">", 250)
	}
	return k
}

// recipient says MAIL, which must be taken, and RCPT, which gets a reply.
func (k *talk) recipient(sender, recipient string, code int, texts ...string) *talk {
	return k.envelope(sender).say("RCPT TO:<"+recipient+">", code, texts...)
}

// data sends a message with LF line ends and no line that begins with a dot.
func (k *talk) data(text string, code int, texts ...string) *talk {
	return k.say("DATA", 354).raw(strings.ReplaceAll(text, "\n", "\r\n")).say(".", code, texts...)
}

// end is what was wrong.
func (k *talk) end() error {
	if k.conn != nil {
		k.conn.Close()
	}
	return k.err
}

// errPassed ends a run when nothing was wrong.
var errPassed = errors.New("all probes pass")

// together runs probes at the same time, some at once, and returns the first
// that finds something, or errPassed.
func (p *prober) together(probes []probe) (string, error) {
	type finding struct {
		name string
		err  error
	}
	const atOnce = 6
	work, found := make(chan probe), make(chan finding, len(probes))
	var workers sync.WaitGroup
	quit := make(chan struct{})
	for range atOnce {
		workers.Go(func() {
			for each := range work {
				if err := each.try(p); err != nil {
					found <- finding{each.name, err}
				}
			}
		})
	}
	go func() {
		defer close(work)
		for _, each := range probes {
			select {
			case work <- each:
			case <-quit:
				return
			}
		}
	}()
	done := make(chan struct{})
	go func() { workers.Wait(); close(done) }()
	select {
	case first := <-found:
		close(quit)
		p.close() // sessions that wait end
		<-done
		return first.name, first.err
	case <-done:
	}
	select {
	case first := <-found:
		return first.name, first.err
	default:
		return "", errPassed
	}
}
