package main

import (
	"context"
	"log/slog"
	"time"

	"postern/internal/lookup"
	"postern/srsd"
	"postern/srsd/envelope"
	"postern/srsd/milter"
	"postern/srsd/postsrsd"
	"postern/srsd/srs"
)

// PostSRSd's own limits on addresses, in bytes: 1.x makes results of up to
// 1023; 2.x takes keys of up to 512 and does not bound what it adds to them.
const postsrsdLength = 1023

// postsrsdSettings is what a worker must know of a configuration of PostSRSd:
// values only, the secrets among them, since it may not be able to open files.
type postsrsdSettings struct {
	Generation  int // 1 or 2
	Domain      string
	Secrets     [][]byte
	Separator   byte
	HashLength  int
	HashMinimum int
	Always      bool
	Domains     []string      // 1.x: excluded; 2.x: local
	Database    string        // 2.x: where senders are stored; empty: they are embedded
	Wait        time.Duration // for a request
	Connections int

	MilterRewriteLocal bool
	MilterRecipients   int

	Syslog bool
	Debug  bool
}

// postsrsdFace is what the listeners of a worker ask.
type postsrsdFace struct {
	forward, reverse lookup.Map
	rules            milter.Rules
	ring             *srsd.Ring
}

// set is what a socketmap listener serves.
func (f *postsrsdFace) set() lookup.Set {
	return lookup.Set{"forward": f.forward, "reverse": f.reverse}
}

// newPostSRSdFace makes the maps of a generation.
func newPostSRSdFace(s *postsrsdSettings, store *envelope.Store, now func() time.Time, m *srsd.Metrics, log *slog.Logger) (*postsrsdFace, error) {
	alphabet := srs.Base64URL
	if s.Generation == 1 {
		alphabet = srs.Base64
	}
	rewriter, err := srs.New(srs.Options{
		Domain: s.Domain, Separator: s.Separator, Alphabet: alphabet,
		HashLength: s.HashLength, HashMinimum: s.HashMinimum, MaxLength: postsrsdLength,
	})
	if err != nil {
		return nil, err
	}
	secrets := make([]srsd.Secret, len(s.Secrets))
	for i, text := range s.Secrets {
		secrets[i].Text = text
	}
	engine := &srsd.Engine{Rewriter: rewriter, Ring: srsd.NewRing(secrets), Domain: s.Domain, Now: now, Metrics: m}
	domains := &postsrsd.Domains{}
	for _, name := range s.Domains {
		domains.Add(name)
	}
	f := &postsrsdFace{ring: engine.Ring}
	if s.Generation == 1 {
		classic := srsd.Classic{Engine: engine, Excluded: domains.ContainsAddress, Always: s.Always}
		f.forward, f.reverse = classic.Forward(), classic.Reverse()
	} else {
		engine.Local, engine.Alias = domains, envelope.Alias
		if store != nil {
			engine.Store, engine.Envelope = store, srsd.Database
		}
		modern := srsd.Modern{Engine: engine, Always: s.Always}
		f.forward, f.reverse = modern.Forward(), modern.Reverse()
	}
	f.forward = srsd.Logged(f.forward, "forward", log)
	f.reverse = srsd.Logged(f.reverse, "reverse", log)
	f.rules = milter.Rules{
		Forward: f.forward,
		Reverse: f.reverse,
		Local:   engine.IsLocal,
		Forged: func(_ context.Context, recipient string) (bool, error) {
			return engine.Ours(recipient), nil
		},
		RewriteLocal:   s.MilterRewriteLocal || s.Always,
		RecipientLimit: s.MilterRecipients,
	}
	return f, nil
}
