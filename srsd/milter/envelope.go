package milter

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"postern/internal/lookup"
	wire "postern/internal/milter"
)

// envelope is the envelope of one message and the rules it is under.
type envelope struct {
	rules      Rules
	limit      int
	sender     string
	recipients []string // those we took, in their order
}

func newEnvelope(rules Rules, sender string) *envelope {
	limit := rules.RecipientLimit
	if limit <= 0 {
		limit = DefaultRecipientLimit
	}
	return &envelope{rules: rules, limit: limit, sender: sender}
}

// edits are the changes that a message needs, addresses in external form.
type edits struct {
	removed, added []string
	sender         string // "": it stays
	reversed       int    // recipients that were changed
	result         Result
}

// forgedError rejects a message.
type forgedError struct{ recipient string }

func (e forgedError) Error() string {
	return fmt.Sprintf("recipient %s: a rewritten address of ours that we did not make", wire.Shorten(e.recipient))
}

// full reports that there is no place for a further recipient.
func (e *envelope) full() bool { return len(e.recipients) >= e.limit }

// refuse asks whether a recipient is to be refused, and how.
func (e *envelope) refuse(ctx context.Context, recipient string) (string, error) {
	if e.rules.Refuse == nil {
		return "", nil
	}
	return e.rules.Refuse(ctx, e.sender, recipient)
}

// edits asks the rules about the whole envelope before anything is changed.
func (e *envelope) edits(ctx context.Context) (edits, error) {
	var done edits
	final, err := e.reverse(ctx, &done)
	if err != nil {
		return done, err
	}
	return done, e.forward(ctx, final, &done)
}

// reverse finds whom the recipients stand for and returns the final ones,
// each once.
func (e *envelope) reverse(ctx context.Context, done *edits) (final []string, err error) {
	seen := make(map[string]bool, len(e.recipients))
	var added []string
	for _, recipient := range e.recipients {
		if seen[recipient] {
			continue
		}
		seen[recipient] = true
		original, err := e.reverseOne(ctx, recipient)
		if err != nil {
			return nil, err
		}
		if original == recipient {
			final = append(final, recipient)
			continue
		}
		added = append(added, original)
		done.remove(recipient)
	}
	for _, original := range added {
		if slices.Contains(final, original) {
			continue // it is a recipient already
		}
		final = append(final, original)
		if err := done.add(original); err != nil {
			return nil, err
		}
	}
	return final, nil
}

// reverseOne returns whom a recipient stands for, or the recipient.
func (e *envelope) reverseOne(ctx context.Context, recipient string) (string, error) {
	if e.rules.Reverse != nil {
		original, found, err := e.rules.Reverse.Lookup(ctx, recipient)
		if err != nil {
			return "", fmt.Errorf("reverse: recipient %s: %w", wire.Shorten(recipient), err)
		}
		if found {
			return original, nil
		}
	}
	if e.rules.Forged == nil {
		return recipient, nil
	}
	forged, err := e.rules.Forged(ctx, recipient)
	if err != nil {
		return "", fmt.Errorf("forged: recipient %s: %w", wire.Shorten(recipient), temporary(err))
	}
	if forged {
		return "", forgedError{recipient}
	}
	return recipient, nil
}

// forward finds the new sender, if a final recipient leaves.
func (e *envelope) forward(ctx context.Context, final []string, done *edits) error {
	done.result = Unchanged
	if !strings.Contains(e.sender, "@") || e.rules.Forward == nil {
		return nil
	}
	leaves, err := e.leaves(ctx, final)
	if err != nil {
		return err
	}
	if !leaves {
		done.result = Local
		return nil
	}
	rewritten, found, err := e.rules.Forward.Lookup(ctx, e.sender)
	if err != nil {
		return fmt.Errorf("forward: sender %s: %w", wire.Shorten(e.sender), err)
	}
	if !found || rewritten == e.sender {
		return nil
	}
	if done.sender, err = external(rewritten); err != nil {
		return fmt.Errorf("forward: sender %s: %w", wire.Shorten(e.sender), err)
	}
	done.result = Rewritten
	return nil
}

// leaves reports whether the sender is to be rewritten for its recipients.
func (e *envelope) leaves(ctx context.Context, final []string) (bool, error) {
	if e.rules.RewriteLocal || e.rules.Local == nil {
		return true, nil
	}
	for _, recipient := range final {
		local, err := e.rules.Local(ctx, recipient)
		if err != nil {
			return false, fmt.Errorf("local: recipient %s: %w", wire.Shorten(recipient), temporary(err))
		}
		if !local {
			return true, nil
		}
	}
	return false, nil
}

// remove takes out a recipient that Postfix has; it may lack a domain.
func (d *edits) remove(recipient string) {
	at := strings.LastIndexByte(recipient, '@')
	if at < 0 {
		at = len(recipient)
	}
	d.removed = append(d.removed, quoted(recipient[:at])+recipient[at:])
	d.reversed++
}

// add puts a recipient in.
func (d *edits) add(recipient string) error {
	text, err := external(recipient)
	if err != nil {
		return fmt.Errorf("reverse: %w", err)
	}
	d.added = append(d.added, text)
	return nil
}

// temporary hides that an error was marked permanent: it is no fault of the
// message's.
func temporary(err error) error {
	if lookup.IsPermanent(err) {
		return fmt.Errorf("%v", err)
	}
	return err
}
