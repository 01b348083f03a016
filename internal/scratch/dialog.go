package scratch

import (
	"context"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"time"
)

// dialogTimeout bounds each reply of a Dialog. Postfix may delay one by its
// smtpd_error_sleep_time and waits for its maps up to 100 s.
const dialogTimeout = 2 * time.Minute

// Reply is one reply of an SMTP server (RFC 5321, section 4.2).
type Reply struct {
	Command string // what was sent; "" for the greeting, "." for the end of DATA
	Code    int    // 250, 550 …
	Text    string // without the code, lines joined with "\n"
}

// String is the reply as a line of a log: "RCPT TO:<a@b> → 250 2.1.5 Ok".
func (r Reply) String() string {
	return fmt.Sprintf("%s → %d %s", r.Command, r.Code, r.Text)
}

// OK reports a positive reply, 2xx or 3xx.
func (r Reply) OK() bool { return r.Code/100 == 2 || r.Code/100 == 3 }

// Dialog is an SMTP session by hand: one command, one reply, no pipelining.
type Dialog struct {
	Greeting Reply
	conn     net.Conn
	text     *textproto.Conn
}

// DialSMTP connects and reads the greeting, whatever its code.
func DialSMTP(ctx context.Context, addr string) (*Dialog, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("smtp: %w", err)
	}
	conn.SetDeadline(time.Now().Add(dialogTimeout))
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	d := &Dialog{conn: conn, text: textproto.NewConn(conn)}
	if d.Greeting, err = d.reply(""); err != nil {
		conn.Close()
		return nil, err
	}
	return d, nil
}

// Command sends one line and reads the reply. Only trouble with the connection
// is an error; a refusal is a Reply.
func (d *Dialog) Command(line string) (Reply, error) {
	d.conn.SetDeadline(time.Now().Add(dialogTimeout))
	if err := d.text.PrintfLine("%s", line); err != nil {
		return Reply{}, fmt.Errorf("smtp: send %q: %w", line, err)
	}
	return d.reply(line)
}

// Body sends the text of a message after a reply 354 to DATA; line ends become
// CRLF, dots are doubled and the last dot is added.
func (d *Dialog) Body(text string) (Reply, error) {
	d.conn.SetDeadline(time.Now().Add(dialogTimeout))
	w := d.text.DotWriter()
	if _, err := w.Write([]byte(text)); err != nil {
		return Reply{}, fmt.Errorf("smtp: send message: %w", err)
	}
	if err := w.Close(); err != nil {
		return Reply{}, fmt.Errorf("smtp: send message: %w", err)
	}
	return d.reply(".")
}

// reply reads one reply, of one line or several.
func (d *Dialog) reply(command string) (Reply, error) {
	code, text, err := d.text.ReadResponse(0)
	if err != nil {
		return Reply{}, fmt.Errorf("smtp: reply to %q: %w", command, err)
	}
	return Reply{Command: command, Code: code, Text: text}, nil
}

// Close says QUIT and closes the connection.
func (d *Dialog) Close() error {
	d.Command("QUIT")
	return d.conn.Close()
}

// Submit sends one message in a session of its own and returns every reply
// from the greeting to QUIT. After a refused MAIL, or if no recipient was
// taken, it goes on to QUIT. Only trouble with the connection is an error, and
// then the replies until there are returned with it.
func Submit(ctx context.Context, addr, from string, recipients []string, body string) ([]Reply, error) {
	d, err := DialSMTP(ctx, addr)
	if err != nil {
		return nil, err
	}
	defer d.conn.Close()
	s := submission{dialog: d, replies: []Reply{d.Greeting}}
	if s.command("EHLO client.example.net") && s.command("MAIL FROM:<"+from+">") {
		taken := false
		for _, recipient := range recipients {
			taken = s.command("RCPT TO:<"+recipient+">") || taken
		}
		if taken && s.command("DATA") {
			s.body(body)
		}
	}
	s.command("QUIT")
	return s.replies, s.err
}

// submission collects replies; after an error it does nothing more.
type submission struct {
	dialog  *Dialog
	replies []Reply
	err     error
}

func (s *submission) command(line string) (ok bool) {
	return s.collect(func() (Reply, error) { return s.dialog.Command(line) })
}

func (s *submission) body(text string) {
	s.collect(func() (Reply, error) { return s.dialog.Body(text) })
}

func (s *submission) collect(ask func() (Reply, error)) (ok bool) {
	if s.err != nil {
		return false
	}
	reply, err := ask()
	if err != nil {
		s.err = err
		return false
	}
	s.replies = append(s.replies, reply)
	return reply.OK()
}

// Refusals picks the negative replies, 4xx and 5xx; none means that a message
// of Submit was taken for all recipients.
func Refusals(replies []Reply) []Reply {
	var refused []Reply
	for _, reply := range replies {
		if !reply.OK() {
			refused = append(refused, reply)
		}
	}
	return refused
}

// Transcript is the replies as text, for the message of a failed test.
func Transcript(replies []Reply) string {
	lines := make([]string, len(replies))
	for i, reply := range replies {
		lines[i] = reply.String()
	}
	return strings.Join(lines, "\n")
}
