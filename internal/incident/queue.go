package incident

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"postern/internal/maillog"
)

// Runner runs one of Postfix's programs: read takes its standard output as it
// comes (nil: nobody does), and what it printed on the other output is
// returned.
type Runner func(ctx context.Context, stdin string, read func(io.Reader) error, program string, args ...string) (stderr string, err error)

// Queue is the queue of one Postfix.
type Queue struct {
	Dir string // configuration directory; "": Postfix's own default
	Run Runner
}

// shown is how many recipients of a message are kept.
const shown = 5

// batch is how many messages one program is told of.
const batch = 100

// listed is an entry of postqueue -j.
type listed struct {
	Queue      string `json:"queue_name"`
	ID         string `json:"queue_id"`
	Arrived    int64  `json:"arrival_time"`
	Sender     string `json:"sender"`
	Recipients []struct {
		Address string `json:"address"`
	} `json:"recipients"`
}

// message keeps what is worth keeping.
func (l listed) message() Message {
	m := Message{ID: l.ID, Queue: l.Queue, Sender: l.Sender, Arrived: time.Unix(l.Arrived, 0).UTC(), Recipients: []string{}}
	for i, r := range l.Recipients {
		if i == shown {
			m.More = len(l.Recipients) - shown
			break
		}
		m.Recipients = append(m.Recipients, r.Address)
	}
	return m
}

// flags puts the configuration directory before the arguments.
func (q *Queue) flags(args ...string) []string {
	if q.Dir == "" {
		return args
	}
	return append([]string{"-c", q.Dir}, args...)
}

// nullSender is how postqueue(1) shows the null sender: as the parameter
// empty_address_recipient, which may be somebody's address.
func (q *Queue) nullSender(ctx context.Context) string {
	var value strings.Builder
	_, err := q.Run(ctx, "", func(r io.Reader) error {
		_, err := io.Copy(&value, r)
		return err
	}, "postconf", q.flags("-xh", "empty_address_recipient")...)
	if err != nil {
		return "MAILER-DAEMON" // its default
	}
	return strings.TrimSpace(value.String())
}

// list has each be called once for every message of the queue. showq(8) reads one
// queue after the other: it misses a message that moves meanwhile, or has it
// twice. So it is asked twice, and what it repeats is left out.
func (q *Queue) list(ctx context.Context, each func(listed)) error {
	type message struct {
		id      string
		arrived int64 // short IDs are used again
	}
	null, seen := q.nullSender(ctx), map[message]bool{}
	once := func(l listed) {
		if m := (message{l.ID, l.Arrived}); !seen[m] {
			seen[m] = true
			each(l)
		}
	}
	for range 2 {
		if err := q.pass(ctx, null, once); err != nil {
			return err
		}
	}
	return nil
}

// pass is what showq(8) tells at once. Mail in maildrop is in nobody's hands yet,
// and cannot be held.
func (q *Queue) pass(ctx context.Context, null string, each func(listed)) error {
	stderr, err := q.Run(ctx, "", func(r io.Reader) error {
		for d := json.NewDecoder(r); ; {
			var l listed
			if err := d.Decode(&l); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			if l.Sender == null {
				l.Sender = ""
			}
			if l.Queue != "maildrop" && l.Queue != "corrupt" && maillog.IsQueueID(l.ID) {
				each(l)
			}
		}
	}, "postqueue", q.flags("-j")...)
	return trouble("postqueue -j", stderr, err)
}

// find lists the messages that belong to an incident, in hold or not.
func (q *Queue) find(ctx context.Context, m match) ([]Message, error) {
	var found, asked []Message
	flush := func(ctx context.Context) error {
		mine, err := q.inspect(ctx, asked, m)
		found, asked = append(found, mine...), asked[:0]
		return err
	}
	var failed error
	err := q.list(ctx, func(l listed) {
		message := l.message()
		for _, r := range l.Recipients {
			if m.recipient(r.Address, "") {
				found = append(found, message)
				return
			}
		}
		if m.kind == Destination || failed != nil {
			return
		}
		if asked = append(asked, message); len(asked) == batch {
			failed = flush(ctx)
		}
	})
	if err == nil && failed == nil && len(asked) > 0 {
		failed = flush(ctx)
	}
	return found, errors.Join(err, failed)
}

// inspect reads the envelopes of messages and returns those that belong to the
// incident. A message that has left meanwhile is passed over.
func (q *Queue) inspect(ctx context.Context, messages []Message, m match) ([]Message, error) {
	var mine []Message
	for len(messages) > 0 {
		read := 0 // how many were begun
		ids := make([]string, len(messages))
		for i := range messages {
			ids[i] = messages[i].ID
		}
		stderr, err := q.Run(ctx, "", func(r io.Reader) error {
			return envelopes(r, func(e envelope) {
				read++
				for i := range messages {
					if messages[i].ID == e.id && m.belongs(e) {
						messages[i].Login = e.login
						mine = append(mine, messages[i])
					}
				}
			})
		}, "postcat", q.flags(append([]string{"-e", "-q"}, ids...)...)...)
		if err == nil {
			return mine, nil
		}
		// postcat(1) ends at the first message that it does not find.
		if ctx.Err() != nil || read >= len(messages) || !strings.Contains(stderr, "open queue file "+ids[read]+": No such file") {
			return mine, trouble("postcat", stderr, err)
		}
		messages = messages[read+1:]
	}
	return mine, nil
}

// envelope is what a queue file says.
type envelope struct {
	id         string
	login      string
	recipients [][2]string // recipient, and what it was before aliases
}

func (m match) belongs(e envelope) bool {
	if m.login(e.login) {
		return true
	}
	for _, r := range e.recipients {
		if m.recipient(r[0], r[1]) {
			return true
		}
	}
	return false
}

// maxRecord bounds a line of postcat(1): a record of a queue file
// (line_length_limit, 2048) with its name; longer ones are cut.
const maxRecord = 64 << 10

// envelopes reads what postcat -e prints.
func envelopes(r io.Reader, each func(envelope)) error {
	lines := bufio.NewReaderSize(r, maxRecord)
	var e envelope
	original := ""
	for {
		line, long, err := lines.ReadLine()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		for long && err == nil {
			_, long, err = lines.ReadLine()
		}
		text := string(line)
		if path, ok := strings.CutPrefix(text, "*** ENVELOPE RECORDS "); ok {
			if e.id != "" {
				each(e)
			}
			path = strings.TrimSuffix(path, " ***")
			e = envelope{id: path[strings.LastIndexByte(path, '/')+1:]}
			continue
		}
		name, value, _ := strings.Cut(text, ": ")
		switch name {
		case "named_attribute":
			if login, ok := strings.CutPrefix(value, "sasl_username="); ok {
				e.login = login
			}
		case "original_recipient":
			original = value
		case "recipient", "done_recipient":
			e.recipients = append(e.recipients, [2]string{value, original})
			original = ""
		}
	}
	if e.id != "" {
		each(e)
	}
	return nil
}

// hold puts messages on hold.
func (q *Queue) hold(ctx context.Context, messages []Message) error {
	return q.super(ctx, "-h", messages)
}

// release lets messages go on.
func (q *Queue) release(ctx context.Context, messages []Message) error {
	return q.super(ctx, "-H", messages)
}

// super hands queue IDs to postsuper(1) on its standard input. An ID that is
// gone is no error there.
func (q *Queue) super(ctx context.Context, action string, messages []Message) error {
	for len(messages) > 0 {
		n := min(len(messages), 10*batch)
		var ids strings.Builder
		for _, m := range messages[:n] {
			if !maillog.IsQueueID(m.ID) { // "ALL" is one that is none
				return fmt.Errorf("queue: %.100q is no queue ID", m.ID)
			}
			ids.WriteString(m.ID + "\n")
		}
		stderr, err := q.Run(ctx, ids.String(), nil, "postsuper", q.flags(action, "-")...)
		if err != nil {
			return trouble("postsuper "+action, stderr, err)
		}
		messages = messages[n:]
	}
	return nil
}

// trouble is the last line that a program printed, which says why.
func trouble(what, stderr string, err error) error {
	if err == nil {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return fmt.Errorf("queue: %s: %w: %.300q", what, err, last)
	}
	return fmt.Errorf("queue: %s: %w", what, err)
}
