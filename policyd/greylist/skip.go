package greylist

import (
	"context"
	"fmt"
	"strings"

	"postern/internal/lookup"
	"postern/policyd"
)

// skipped reports mail that never waits.
func (c *Check) skipped(ctx context.Context, q *policyd.Request) bool {
	why := ""
	switch {
	case c.options.SkipClients.Contains(q.Client):
		why = "the client is in skip_clients"
	case below(c.skipClients, q.ClientName):
		why = "the client's name is in skip_clients"
	case len(c.skipSenders) > 0 && below(c.skipSenders, domainOf(q.Sender)):
		why = "the sender is in skip_senders"
	case isNull(q.Sender) && c.options.SRSRecipient != nil && c.options.SRSRecipient(ctx, q.Recipient):
		why = "it is a bounce to an SRS address of ours"
	}
	if why != "" && q.Explaining() {
		q.Notef("not greylisted: %s", why)
	}
	return why != ""
}

func below(list domains, name string) bool {
	_, found := list.above(domainName(name))
	return found
}

func isNull(sender string) bool { return sender == "" || sender == "<>" }

// switchedOn asks whether a recipient is greylisted at all.
func (c *Check) switchedOn(ctx context.Context, q *policyd.Request) (bool, error) {
	if c.options.Recipients == nil {
		return true, nil
	}
	asked := lookup.Fold(q.Recipient)
	keys := []string{asked, c.bare(q.Recipient), "@" + domainOf(asked)}
	for i, key := range keys {
		if i == 1 && key == asked {
			continue
		}
		value, found, err := c.options.Recipients.Lookup(ctx, key)
		if err != nil {
			return false, fmt.Errorf("greylist: whether %.200q is greylisted: %w", key, err)
		}
		if !found {
			continue
		}
		on, err := yesOrNo(value)
		if err != nil {
			return false, fmt.Errorf("greylist: value of %.200q: %w", key, err)
		}
		if q.Explaining() {
			q.Notef("greylisting of %s: %s", key, value)
		}
		return on, nil
	}
	return true, nil
}

func yesOrNo(value string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "yes":
		return true, nil
	case "no":
		return false, nil
	}
	return false, fmt.Errorf("%.40q: write yes or no", value)
}
