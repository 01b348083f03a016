package greylist

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"postern/internal/lookup"
	"postern/policyd"
)

// Options of the check. Store must be set; what is zero else has the default
// that is named.
type Options struct {
	Store Store

	Delay            time.Duration // from the first attempt to one that passes: 1 min
	RetryWindow      time.Duration // in which it must come: 5 h
	PassLifetime     time.Duration // of what passed, after the last pass: 36 d
	AutoPass         int           // messages after which a network, or an SPF domain, is trusted: 5; -1: never
	AutoPassLifetime time.Duration // of that trust, after the last pass: 36 d

	IPv4Bits int // of the network that is one client: 24
	IPv6Bits int // 64

	// Pools are domains: clients with a verified name there, or below, are one
	// client, whatever their network is.
	Pools []string

	// SenderDomain is the domain that SPF lets this client send for, and
	// whether it does. The group of such mail is the domain. nil: SPF is not asked.
	SenderDomain func(ctx context.Context, q *policyd.Request) (domain string, pass bool)

	// Owner is where a recipient leads. With nil, an error or no address it is
	// the recipient itself without its extension.
	Owner     func(ctx context.Context, recipient string) ([]string, error)
	Delimiter string // recipient_delimiter, postconf(5)

	// Recipients switches greylisting: yes or no for the recipient, else for
	// that without extension, else for @domain. What is not found, and all with
	// nil, is greylisted.
	Recipients lookup.Map

	// SRSRecipient tells a valid SRS address of ours: its bounces do not wait. May be nil.
	SRSRecipient func(ctx context.Context, recipient string) bool

	SkipClients       policyd.Networks // never wait
	SkipClientDomains []string         // nor do clients with a verified name there or below
	SkipSenders       []string         // domains; nor do senders there or below. A sender can be forged

	Host    string           // name of this host: an instance is unique on one host only
	Now     func() time.Time // nil: time.Now; only for the log, as the store has its own clock
	Metrics *Metrics         // nil counts nothing
	Log     *slog.Logger     // nil: discarded
}

// longestAutoPass bounds what is remembered of a group: the messages counted so far.
const longestAutoPass = 100

// withDefaults fills in what is zero.
func (o Options) withDefaults() Options {
	for _, d := range []struct {
		value *time.Duration
		or    time.Duration
	}{
		{&o.Delay, time.Minute},
		{&o.RetryWindow, 5 * time.Hour},
		{&o.PassLifetime, 36 * 24 * time.Hour},
		{&o.AutoPassLifetime, 36 * 24 * time.Hour},
	} {
		if *d.value == 0 {
			*d.value = d.or
		}
	}
	for _, n := range []struct {
		value *int
		or    int
	}{{&o.AutoPass, 5}, {&o.IPv4Bits, 24}, {&o.IPv6Bits, 64}} {
		if *n.value == 0 {
			*n.value = n.or
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o *Options) validate() error {
	switch {
	case o.Store == nil:
		return errors.New("the store of triplets is missing")
	case o.Delay < time.Second:
		return fmt.Errorf("delay %v is too short: write 1s at least, 1m is usual", o.Delay)
	case o.RetryWindow <= o.Delay:
		return fmt.Errorf("retry_window %v is not longer than delay %v, so nothing would ever pass: mail servers come again for days, 5h is usual", o.RetryWindow, o.Delay)
	case o.PassLifetime < time.Minute, o.AutoPassLifetime < time.Minute:
		return errors.New("the lifetime of what passed is too short: write 1m at least, 36d is usual")
	case o.AutoPass < -1 || o.AutoPass > longestAutoPass:
		return fmt.Errorf("auto_pass %d is out of range: write 1 to %d messages, or -1 for never", o.AutoPass, longestAutoPass)
	case o.IPv4Bits < 1 || o.IPv4Bits > 32:
		return fmt.Errorf("ipv4_prefix %d is no length of a network: write 1 to 32", o.IPv4Bits)
	case o.IPv6Bits < 1 || o.IPv6Bits > 128:
		return fmt.Errorf("ipv6_prefix %d is no length of a network: write 1 to 128", o.IPv6Bits)
	}
	return nil
}

func (o *Options) terms() Terms {
	return Terms{
		Delay: o.Delay, RetryWindow: o.RetryWindow, PassLifetime: o.PassLifetime,
		AutoPass: max(o.AutoPass, 0), AutoPassLifetime: o.AutoPassLifetime,
	}
}
