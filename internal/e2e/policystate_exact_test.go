//go:build integration

package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

// disturbed is how many decisions the daemons made without Redis up to now: on
// a machine that is busy an answer may take longer than a decision waits.
func disturbed(t *testing.T, daemons []*policyDaemon) (n float64) {
	t.Helper()
	for _, d := range daemons {
		n += d.metric(t, "postern_policy_state_local_decisions_total")
	}
	return n
}

// undisturbed does something, each time with another number, until Redis made
// all the decisions of one time.
func undisturbed(t *testing.T, daemons []*policyDaemon, do func(attempt int)) {
	t.Helper()
	for attempt := range 20 {
		for _, d := range daemons {
			d.await(t, "Redis is used", func() bool { return d.metric(t, "postern_policy_state_up") == 1 })
		}
		before := disturbed(t, daemons)
		do(attempt)
		if disturbed(t, daemons) == before {
			return
		}
		t.Logf("attempt %d: %v decisions were made without Redis", attempt, disturbed(t, daemons)-before)
	}
	t.Fatal("Redis never made all the decisions")
}

// TestPolicyExact: 20 clients hammer one limit, and exactly the limit comes
// through: of one process in memory, and of two that share a Redis.
func TestPolicyExact(t *testing.T) {
	const limit = 150
	settings := loginLimit(fmt.Sprint(limit, "/52w"))
	want := hammered{passed: limit, deferred: 240 - limit}
	t.Run("one process in memory", func(t *testing.T) {
		d := startPolicyDaemon(t, "", settings...)
		if got := hammerPolicy(t, []*policyDaemon{d}, "alice"); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
	t.Run("two processes with Redis", func(t *testing.T) {
		daemons := startSharing(t, scratchtest.Redis(t, scratch.RedisOptions{}), settings...)
		var got hammered
		undisturbed(t, daemons, func(attempt int) { got = hammerPolicy(t, daemons, fmt.Sprint("alice", attempt)) })
		if got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}

// startSharing starts two daemons with one Redis.
func startSharing(t *testing.T, server *scratch.Redis, settings ...string) (daemons []*policyDaemon) {
	t.Helper()
	for range 2 {
		daemons = append(daemons, startPolicyDaemon(t, "", append(settings, "state: redis://"+server.Addr())...))
	}
	return daemons
}

// hammered is what became of mails.
type hammered struct {
	passed, deferred int
	split            int // the answers at RCPT and at DATA were not the same
}

// hammerPolicy has 20 clients ask about 12 mails each, at RCPT and again at
// DATA, by turns at one daemon and at another.
func hammerPolicy(t *testing.T, daemons []*policyDaemon, login string) (sum hammered) {
	t.Helper()
	var mu sync.Mutex
	var group sync.WaitGroup
	for client := range 20 {
		group.Go(func() {
			for mail := range 12 {
				fields := []string{"sasl_username=" + login, fmt.Sprintf("instance=%s.%d.%d", login, client, mail)}
				at := func(turn int) *policyDaemon { return daemons[(client+mail+turn)%len(daemons)] }
				rcpt := passes(t, at(0), fields...)
				data := passes(t, at(1), append(fields, "protocol_state=DATA", "recipient=", "recipient_count=2")...)
				mu.Lock()
				sum.add(rcpt, data)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return sum
}

func (h *hammered) add(rcpt, data bool) {
	switch {
	case rcpt != data:
		h.split++
	case rcpt:
		h.passed++
	default:
		h.deferred++
	}
}

// passes asks about a mail that is let pass or deferred.
func passes(t *testing.T, d *policyDaemon, fields ...string) bool {
	action, err := d.client.Ask(context.WithoutCancel(t.Context()), policyMail(fields...))
	if err != nil || action != "DUNNO" && !strings.HasPrefix(action, "450 4.7.1 ") {
		t.Errorf("%q: %q, %v", fields, action, err)
	}
	return action == "DUNNO"
}

// TestPolicyExactPostfix: the same through two real Postfixes, each with a
// policyd of its own.
func TestPolicyExactPostfix(t *testing.T) {
	const limit = 15
	daemons := startSharing(t, scratchtest.Redis(t, scratch.RedisOptions{}),
		"checks: [rate_limits]", fmt.Sprintf("rate_limits: [{name: domain, key: sender_domain, limit: %d/52w}]", limit))
	sink := scratchtest.Sink(t, scratch.SinkOptions{})
	var hosts []*scratch.Postfix
	for _, d := range daemons {
		service := "check_policy_service { inet:" + d.at + ", timeout=20s }"
		hosts = append(hosts, startPostfix(t, map[string]string{
			"relayhost": sink.Nexthop(), "smtpd_relay_restrictions": "permit_mynetworks, reject", "smtpd_error_sleep_time": "0",
			"smtpd_recipient_restrictions": service, "smtpd_data_restrictions": service,
		}))
	}
	var taken, came int
	undisturbed(t, daemons, func(attempt int) {
		sender := fmt.Sprintf("friend@far%d.test", attempt)
		taken = submitMany(t, hosts, sender)
		came = comeOut(t, hosts, sink, sender)
	})
	if taken != limit || came != limit {
		t.Errorf("%d mails were taken and %d came out, the limit is %d", taken, came, limit)
	}
}

// submitMany has 20 clients send two mails each, and returns how many were
// taken; the others were deferred.
func submitMany(t *testing.T, hosts []*scratch.Postfix, sender string) int {
	t.Helper()
	var taken atomic.Int64
	var group sync.WaitGroup
	for client := range 20 {
		group.Go(func() {
			for mail := range 2 {
				mta := hosts[(client+mail)%len(hosts)]
				replies, err := scratch.Submit(t.Context(), mta.Addr(), sender, []string{"info@dest.test"}, "Subject: many\n\ntext\n")
				refused := scratch.Refusals(replies)
				switch {
				case err == nil && len(refused) == 0:
					taken.Add(1)
				case err != nil || refused[0].Code != 450 || !strings.Contains(refused[0].Text, "from this sender domain reached"):
					t.Errorf("%v %v", refused, err)
				}
			}
		})
	}
	group.Wait()
	return int(taken.Load())
}

// comeOut is how many mails of a sender reached the world.
func comeOut(t *testing.T, hosts []*scratch.Postfix, sink *scratch.Sink, sender string) (n int) {
	t.Helper()
	for _, p := range hosts {
		eventually(t, "the queue is empty", func() bool {
			queue, err := p.Queue(t.Context())
			return err == nil && len(queue) == 0
		})
	}
	messages, err := sink.Messages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if m.Sender == sender {
			n++
		}
	}
	return n
}
