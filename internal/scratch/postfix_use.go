package scratch

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Log is what Postfix has logged so far.
func (p *Postfix) Log() string {
	text, _ := os.ReadFile(filepath.Join(p.dir, "maillog"))
	return string(text)
}

// WaitLog waits until the log holds text.
func (p *Postfix) WaitLog(ctx context.Context, text string) error {
	for !strings.Contains(p.Log(), text) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("scratch postfix: %w before the log held %q; it ends:\n%s", ctx.Err(), text, tail(p.Log(), 1500))
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// Logged is Log with every line in it that was logged before the call: what
// wrote the file so far is postlogd(8), which takes one line after the other.
func (p *Postfix) Logged(ctx context.Context) (string, error) {
	mark := "all until here " + rand.Text()
	if _, err := p.checked(ctx, "postlog", mark); err != nil {
		return "", err
	}
	if err := p.WaitLog(ctx, mark); err != nil {
		return "", err
	}
	return p.Log(), nil
}

// Postconf runs postconf(1), for example with -e "name = value".
func (p *Postfix) Postconf(ctx context.Context, args ...string) (string, error) {
	out, err := p.checked(ctx, "postconf", args...)
	return out, errors.Join(err, settle(p.ConfigDir()))
}

// leaving is how long Reload waits for processes that do not leave: they are in
// the middle of something.
const leaving = 5 * time.Second

// Reload makes the running Postfix read its configuration again. postfix(1)
// only tells master(8) to; this returns when the processes of before, which
// know the old one, have left. One that talks to a client leaves when it is done.
func (p *Postfix) Reload(ctx context.Context) error {
	master := p.MasterPid()
	before := children(master)
	if _, err := p.checked(ctx, "postfix", "reload"); err != nil {
		return err
	}
	isOld := func(pid string) bool { return slices.Contains(before, pid) }
	for end := time.Now().Add(leaving); time.Now().Before(end) && slices.ContainsFunc(children(master), isOld); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

// Flush lets Postfix try all deferred mail now.
func (p *Postfix) Flush(ctx context.Context) error {
	_, err := p.checked(ctx, "postqueue", "-f")
	return err
}

// checked is Run with the program's words in the error.
func (p *Postfix) checked(ctx context.Context, program string, args ...string) (string, error) {
	out, err := p.Run(ctx, program, args...)
	if err != nil {
		return out, fmt.Errorf("scratch postfix: %s %s: %w: %s", program, strings.Join(args, " "), err, tail(out, 500))
	}
	return out, nil
}

// QueuedMessage is an entry of postqueue(1) -j.
type QueuedMessage struct {
	Queue      string `json:"queue_name"` // active, deferred, hold, incoming
	ID         string `json:"queue_id"`
	Sender     string `json:"sender"` // MAILER-DAEMON for the null sender
	Size       int64  `json:"message_size"`
	Recipients []struct {
		Address string `json:"address"`
		Reason  string `json:"delay_reason"` // why it was deferred; empty before the first attempt
	} `json:"recipients"`
}

// Queue lists the mail that has not left yet. showq(8) reads one queue after the
// other and misses a message that moves meanwhile, so it is asked twice; what it
// said last of a message is right.
func (p *Postfix) Queue(ctx context.Context) ([]QueuedMessage, error) {
	before, err := p.listing(ctx)
	if err != nil {
		return nil, err
	}
	messages, err := p.listing(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range before {
		if !slices.ContainsFunc(messages, func(later QueuedMessage) bool { return later.ID == m.ID }) {
			messages = append(messages, m)
		}
	}
	return messages, nil
}

// listing is what showq(8) tells at once.
func (p *Postfix) listing(ctx context.Context) ([]QueuedMessage, error) {
	out, err := p.checked(ctx, "postqueue", "-j")
	if err != nil {
		return nil, err
	}
	var messages []QueuedMessage
	for line := range strings.Lines(out) {
		var message QueuedMessage
		if err := json.Unmarshal([]byte(line), &message); err != nil {
			return nil, fmt.Errorf("scratch postfix: postqueue -j: %w: %q", err, line)
		}
		messages = append(messages, message)
	}
	return messages, nil
}
