package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"postern/srsd/srs"
)

const (
	srsDomain = "srs.example.org"
	srsSecret = "tops3cr3t"

	// srsAddresses is how many addresses are asked by turns.
	srsAddresses = 5000
)

// measureSRS asks the native listeners of SRS and, by turns, an echo server of
// the same framing; and on tcp tables, PostSRSd 1.10 and what stands in for it.
//
// Addresses change with the day (UTC): a run over midnight ends in a complaint
// about wrong replies.
func measureSRS(ctx context.Context, l *lab) error {
	d, err := l.startNativeSRS(ctx)
	if err != nil {
		return err
	}
	defer d.stop()
	for _, s := range []struct {
		what, framing string
		ours          server
	}{
		{"SRS forward, tcp_table, TCP", "tcptable", d.forward},
		{"SRS reverse, tcp_table, TCP", "tcptable", d.reverse},
		{"SRS forward, socketmap, unix", "socketmap", d.mapForward},
		{"SRS reverse, socketmap, unix", "socketmap", d.mapReverse},
	} {
		if err := l.compareEcho(ctx, s.what, s.ours, s.framing, atLeast(0.85)); err != nil {
			return err
		}
	}
	return l.comparePostSRSd(ctx, d)
}

// nativeSRS is `postern serve` with an srsd block.
type nativeSRS struct {
	*daemon
	secrets                string // file
	forward, reverse       server // tcp tables
	mapForward, mapReverse server // socketmap
}

func (l *lab) startNativeSRS(ctx context.Context) (*nativeSRS, error) {
	dir, err := l.folder()
	if err != nil {
		return nil, err
	}
	n := &nativeSRS{secrets: filepath.Join(dir, "secret")}
	if err := os.WriteFile(n.secrets, []byte(srsSecret+"\n"), 0o600); err != nil {
		return nil, err
	}
	forward, reverse, err := freePair()
	if err != nil {
		return nil, err
	}
	maps := filepath.Join(dir, "srs")
	// Hashes are written as PostSRSd 1.10 does, so that all give the same answers.
	if n.daemon, err = l.startDaemon(ctx, fmt.Sprintf(
		"srsd: {domain: %s, secrets_file: %s, alphabet: base64, forward: \"inet:%s\", reverse: \"inet:%s\", socketmap: \"unix:%s\"}\n",
		srsDomain, n.secrets, forward, reverse, maps), 0); err != nil {
		return nil, err
	}
	pairs, err := srsPairs(srsAddresses, time.Now())
	if err != nil {
		return nil, err
	}
	n.forward = server{"tcp", forward, n.cpu, forwardLines(pairs)}
	n.reverse = server{"tcp", reverse, n.cpu, reverseLines(pairs)}
	n.mapForward = server{"unix", maps, n.cpu, nil}
	n.mapReverse = server{"unix", maps, n.cpu, nil}
	for _, p := range pairs {
		n.mapForward.questions = append(n.mapForward.questions, socketmapQuestion("forward", p.sender, "OK "+p.rewritten))
		n.mapReverse.questions = append(n.mapReverse.questions, socketmapQuestion("reverse", p.rewritten, "OK "+p.sender))
	}
	return n, nil
}

func freePair() (a, b string, err error) {
	if a, err = freeAddress(); err != nil {
		return "", "", err
	}
	b, err = freeAddress()
	return a, b, err
}

// srsPair is a sender and what it is rewritten to.
type srsPair struct{ sender, rewritten string }

// srsPairs are of one length, each with a domain of its own.
func srsPairs(n int, now time.Time) ([]srsPair, error) {
	r, err := srs.New(srs.Options{Domain: srsDomain, Alphabet: srs.Base64})
	if err != nil {
		return nil, err
	}
	keys := srs.Keys{srs.NewKey([]byte(srsSecret))}
	pairs := make([]srsPair, n)
	for i := range pairs {
		p := &pairs[i]
		p.sender = fmt.Sprintf("sender%07d@origin%05d.example", i, i)
		if p.rewritten, err = r.Forward(keys, now, p.sender); err != nil {
			return nil, err
		}
	}
	return pairs, nil
}

func forwardLines(pairs []srsPair) (all []question) {
	for _, p := range pairs {
		all = append(all, tcpQuestion(p.sender, "200 "+p.rewritten))
	}
	return all
}

func reverseLines(pairs []srsPair) (all []question) {
	for _, p := range pairs {
		all = append(all, tcpQuestion(p.rewritten, "200 "+p.sender))
	}
	return all
}
