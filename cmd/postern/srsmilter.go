package main

import (
	"context"

	"postern/internal/lookup"
	builtin "postern/internal/maps"
	"postern/srsd"
	"postern/srsd/milter"
)

// milterRules are the native milter's.
func (a *assembly) milterRules() milter.Rules {
	if a.srs == nil {
		gone := lookup.Broken(errNoSRS)
		return milter.Rules{Forward: gone, Reverse: gone}
	}
	where := stays{engine: a.srs.engine}
	if a.tables != nil || len(a.clients) > 0 {
		where.virtual, where.domains = a.set[builtin.Virtual], a.set[builtin.VirtualDomains]
	}
	verdict := srsd.Verdict{Recipients: a.set[srsd.MapRecipients], AnySender: a.srs.config.AnyBounces()}
	return milter.Rules{
		Forward: a.set[srsd.MapForward],
		Reverse: a.set[srsd.MapReverse],
		Local:   where.local,
		Refuse: func(ctx context.Context, sender, recipient string) (string, error) {
			reply, err := verdict.Judge(ctx, sender, recipient)
			if reply == srsd.Admitted {
				reply = ""
			}
			return reply, err
		},
		RecipientLimit: milterRecipients,
	}
}

// milterRecipients of one message; Postfix has smtpd_recipient_limit (1000).
const milterRecipients = 1000

// stays tells which recipients stay on this host. Postfix shows a milter the
// recipients before virtual aliases, so it follows each to where it leads.
type stays struct {
	virtual lookup.Map // nil: there are no aliases, the domain decides
	domains lookup.Map
	engine  *srsd.Engine
}

func (s stays) local(ctx context.Context, recipient string) (bool, error) {
	if s.virtual == nil {
		return s.engine.IsLocal(ctx, recipient)
	}
	walker := builtin.Walker{Step: s.virtual, Hosted: hostedBy(s.domains)}
	walk, err := walker.Expand(ctx, recipient)
	if err != nil {
		return false, err
	}
	for _, address := range walk.Final {
		if local, err := s.engine.IsLocal(ctx, address); err != nil || !local {
			return false, err
		}
	}
	return true, nil
}

// hostedBy asks the map virtual-domains.
func hostedBy(domains lookup.Map) func(context.Context, string) (bool, error) {
	return func(ctx context.Context, domain string) (bool, error) {
		_, found, err := domains.Lookup(ctx, domain)
		return found, err
	}
}
