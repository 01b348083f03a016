package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// server is one of those that are asked.
type server struct {
	network, address string
	cpu              func() (time.Duration, error) // spent since it began
	questions        []question
}

// compareEcho asks ours and, by turns, an echo server of the same framing, over
// 1, 8 and 64 connections.
func (l *lab) compareEcho(ctx context.Context, what string, ours server, framing string, f floor) error {
	for _, clients := range []int{1, 8, 64} {
		title := fmt.Sprintf("%s, %d connections : echo", what, clients)
		if err := l.compareOneEcho(ctx, title, ours, framing, clients, f); err != nil {
			return fmt.Errorf("%s: %w", title, err)
		}
	}
	return nil
}

func (l *lab) compareOneEcho(ctx context.Context, title string, ours server, framing string, clients int, f floor) error {
	e, err := l.echoOf(ctx, ours, framing)
	if err != nil {
		return err
	}
	defer e.stop()
	got, cpu, err := l.compete(ctx, clients, ours, e.server(ours.questions))
	if err != nil {
		return err
	}
	l.report.add(title, f, summarize(ratios(got[0], got[1])), "%s; CPU %s each", rates("/s", got...), strings.Join(cpu, " : "))
	return nil
}

// echoOf starts an echo server on the same kind of socket, whose replies are of
// the size of those of ours.
func (l *lab) echoOf(ctx context.Context, ours server, framing string) (*echo, error) {
	at := "127.0.0.1:0"
	if ours.network == "unix" {
		dir, err := l.folder()
		if err != nil {
			return nil, err
		}
		at = filepath.Join(dir, "echo")
	}
	return l.startEcho(ctx, framing, ours.network, at, string(ours.questions[0].reply))
}

// compete has as many clients ask each of the servers by turns, over
// connections that stay open. It gives their answers per second and the CPU
// time that each took for one.
func (l *lab) compete(ctx context.Context, clients int, servers ...server) ([]series, []string, error) {
	var sides []side
	var crowds []*crowd
	meters := make([]metered, len(servers))
	for i, s := range servers {
		c, err := newCrowd(ctx, s.network, s.address, clients, s.questions)
		if err != nil {
			return nil, nil, err
		}
		defer c.close()
		if err := c.askAll(); err != nil { // fills a cache, and has a server fork
			return nil, nil, err
		}
		c.asked = 0
		meters[i].cpu = s.cpu
		crowds, sides = append(crowds, c), append(sides, meters[i].side(c.slice(sliceOf(l))))
	}
	got, err := takeTurns(ctx, either(l, 9, 3), sides...)
	if err != nil {
		return nil, nil, err
	}
	var wrong []error
	var cpu []string
	for i, c := range crowds {
		wrong = append(wrong, c.complaint())
		cpu = append(cpu, micros(meters[i].spent, c.asked))
	}
	return got, cpu, errors.Join(wrong...)
}

// metered adds up the CPU time of a server during its slices.
type metered struct {
	cpu   func() (time.Duration, error)
	spent time.Duration
}

func (m *metered) side(s side) side {
	return func(ctx context.Context) (float64, error) {
		before, err := m.cpu()
		if err != nil {
			return 0, err
		}
		v, err := s(ctx)
		if err != nil {
			return 0, err
		}
		after, err := m.cpu()
		m.spent += after - before
		return v, err
	}
}

// micros is the share of one among n.
func micros(d time.Duration, n int) string {
	return figure(float64(d.Microseconds())/float64(n)) + " µs"
}

func sliceOf(l *lab) time.Duration { return either(l, 150*time.Millisecond, 80*time.Millisecond) }
