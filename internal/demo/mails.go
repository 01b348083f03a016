package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"postern/internal/scratch"
)

// srsDomain is what rewritten senders carry.
const srsDomain = "srs.forward.example"

// The mail of the demo, and what comes back for it.
const (
	sender     = "friend@elsewhere.example"
	recipient  = "Info+Demo@forward.example"
	mailBody   = "From: A friend <friend@elsewhere.example>\r\nTo: info@forward.example\r\nSubject: Through the postern\r\n\r\nHello.\r\n"
	bounceBody = "From: MAILER-DAEMON@dest.example\r\nTo: friend@elsewhere.example\r\nSubject: Undelivered mail\r\n\r\nThe mailbox is full.\r\n"
)

// Two who are not welcome.
const (
	banned  = "anyone@banned.example"
	busy    = "newsletter@elsewhere.example"
	perHour = 5 // mails of one sender, in postern.yaml
)

// playMails sends a mail through, takes a bounce back for it, has a forged one
// refused, and then mail that the policy refuses. It returns the sender that the mail left with.
func (h *host) playMails(ctx context.Context) (rewritten string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if rewritten, err = h.forward(ctx); err != nil {
		return "", err
	}
	if err := h.bounce(ctx, rewritten); err != nil {
		return "", err
	}
	if err := h.forge(ctx, rewritten); err != nil {
		return "", err
	}
	return rewritten, h.refuse(ctx)
}

// forward sends the mail and shows what it left with.
func (h *host) forward(ctx context.Context) (rewritten string, err error) {
	m, err := h.send(ctx, sender, recipient, mailBody, 1)
	if err != nil {
		return "", fmt.Errorf("demo: the mail: %w", err)
	}
	fmt.Fprintf(h.Out, "A mail went in:    from <%s>  to <%s>\n", sender, recipient)
	fmt.Fprintf(h.Out, "and came out:      from <%s>  to <%s>\n\n", m.Sender, strings.Join(m.Recipients, ">, <"))
	if !strings.HasPrefix(m.Sender, "SRS0=") || !strings.HasSuffix(m.Sender, "@"+srsDomain) {
		return "", fmt.Errorf("demo: the sender was not rewritten: the mail left as from <%s>; Postfix says:\n%s", m.Sender, h.postfix.Log())
	}
	return m.Sender, nil
}

// bounce sends what a full mailbox sends, and shows where it ended.
func (h *host) bounce(ctx context.Context, rewritten string) error {
	m, err := h.send(ctx, "", rewritten, bounceBody, 2)
	if err != nil {
		return fmt.Errorf("demo: the bounce: %w", err)
	}
	fmt.Fprintf(h.Out, "A bounce went in:  from <>  to <%s>\n", rewritten)
	fmt.Fprintf(h.Out, "and came home:     from <%s>  to <%s>\n\n", m.Sender, strings.Join(m.Recipients, ">, <"))
	if m.Sender != "" || len(m.Recipients) != 1 || m.Recipients[0] != sender {
		return fmt.Errorf("demo: the bounce did not come home to <%s>; Postfix says:\n%s", sender, h.postfix.Log())
	}
	return nil
}

// forge asks for an address that somebody made from a good one, so that it
// would lead to a victim.
func (h *host) forge(ctx context.Context, rewritten string) error {
	user, _, _ := strings.Cut(sender, "@")
	forged := strings.Replace(rewritten, "="+user+"@", "=victim@", 1)
	replies, err := scratch.Submit(ctx, h.postfix.Addr(), "", []string{forged}, bounceBody)
	if err != nil {
		return fmt.Errorf("demo: a forged bounce: %w", err)
	}
	refused := scratch.Refusals(replies)
	if len(refused) != 1 || refused[0].Code != 550 {
		return fmt.Errorf("demo: a forged bounce was not refused:\n%s", scratch.Transcript(replies))
	}
	fmt.Fprintf(h.Out, "A forged bounce:   from <>  to <%s>\n", forged)
	fmt.Fprintf(h.Out, "was refused:       %d %s\n\n", refused[0].Code, refused[0].Text)
	return nil
}

// refuse shows a ban and a limit at work.
func (h *host) refuse(ctx context.Context) error {
	reply, err := h.refusal(ctx, banned, 554)
	if err != nil {
		return fmt.Errorf("demo: mail of a banned domain: %w", err)
	}
	fmt.Fprintf(h.Out, "A banned sender:   from <%s>\n", banned)
	fmt.Fprintf(h.Out, "was refused:       %s\n\n", reply)
	for range perHour {
		replies, err := scratch.Submit(ctx, h.postfix.Addr(), busy, []string{recipient}, mailBody)
		if err != nil {
			return fmt.Errorf("demo: mail within the limit: %w", err)
		}
		if len(scratch.Refusals(replies)) > 0 {
			return fmt.Errorf("demo: mail within the limit was refused:\n%s", scratch.Transcript(replies))
		}
	}
	if reply, err = h.refusal(ctx, busy, 450); err != nil {
		return fmt.Errorf("demo: mail over the limit: %w", err)
	}
	fmt.Fprintf(h.Out, "A busy sender:     from <%s>, mail %d of an hour\n", busy, perHour+1)
	fmt.Fprintf(h.Out, "was deferred:      %s\n\n", reply)
	return nil
}

// refusal sends a mail that must be refused with code, and returns the reply.
func (h *host) refusal(ctx context.Context, from string, code int) (string, error) {
	replies, err := scratch.Submit(ctx, h.postfix.Addr(), from, []string{recipient}, mailBody)
	if err != nil {
		return "", err
	}
	refused := scratch.Refusals(replies)
	if len(refused) != 1 || refused[0].Code != code {
		return "", fmt.Errorf("it was not refused with %d:\n%s", code, scratch.Transcript(replies))
	}
	return fmt.Sprintf("%d %s", code, refused[0].Text), nil
}

// send sends a message and returns what the outside world got for it, its n-th.
func (h *host) send(ctx context.Context, from, to, body string, n int) (scratch.Message, error) {
	replies, err := scratch.Submit(ctx, h.postfix.Addr(), from, []string{to}, body)
	if err != nil {
		return scratch.Message{}, err
	}
	if refused := scratch.Refusals(replies); len(refused) > 0 {
		return scratch.Message{}, fmt.Errorf("refused by Postfix:\n%s", scratch.Transcript(replies))
	}
	messages, err := h.sink.Wait(ctx, n)
	if err != nil {
		return scratch.Message{}, fmt.Errorf("it did not arrive: %w; Postfix says:\n%s", err, h.postfix.Log())
	}
	return messages[n-1], nil
}
