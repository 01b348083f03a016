//go:build integration

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

// promptly is the longest that a request may wait while Redis has its trouble:
// the decision waits 20 ms. Redis's own limits are two seconds.
const promptly = 2 * time.Second

// redisTrouble is one way in which a Redis is away.
type redisTrouble struct {
	name       string
	args       []string // of redis-server
	begin, end func(t *testing.T, r *scratch.Redis)
}

func redisTroubles() []redisTrouble {
	kill := func(_ *testing.T, r *scratch.Redis) { r.Kill() }
	start := func(t *testing.T, r *scratch.Redis) { mustDo(t, r.Start(t.Context())) }
	command := func(words ...any) func(*testing.T, *scratch.Redis) {
		return func(t *testing.T, r *scratch.Redis) { scratchtest.RedisDo(t, r, words...) }
	}
	return []redisTrouble{
		{"killed, and back with nothing", nil, kill, start},
		{"killed, and back with its data", []string{"--appendonly", "yes"}, kill, start},
		{"frozen", nil, func(t *testing.T, r *scratch.Redis) { mustDo(t, r.Pause()) }, func(t *testing.T, r *scratch.Redis) { mustDo(t, r.Resume()) }},
		{"a replica", nil, command("REPLICAOF", "127.0.0.1", "1"), command("REPLICAOF", "NO", "ONE")},
		{"full", nil, command("CONFIG", "SET", "maxmemory", "1"), command("CONFIG", "SET", "maxmemory", "0")},
		{"loading", nil, func(t *testing.T, r *scratch.Redis) {
			scratchtest.RedisDo(t, r, "DEBUG", "POPULATE", 100000)
			scratchtest.RedisDo(t, r, "SAVE")
			r.Kill()
			mustDo(t, r.Start(t.Context(), "--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"))
		}, command("CONFIG", "SET", "key-load-delay", "0")},
	}
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sharing is two daemons and the Redis that they share.
type sharing struct {
	server  *scratch.Redis
	daemons []*policyDaemon
}

// TestPolicyRedisAway: two daemons that share limits are asked without a pause
// while their Redis dies, hangs or refuses, and comes back.
func TestPolicyRedisAway(t *testing.T) {
	var all []sharing
	for _, trouble := range redisTroubles() { // all at first: hosts see one another within five seconds
		s := sharing{server: scratchtest.Redis(t, scratch.RedisOptions{Args: trouble.args})}
		s.daemons = startSharing(t, s.server, "checks: [rate_limits]", "rate_limits:",
			"  - {name: login, key: sasl_username, limit: 200/52w}", "  - {name: client, key: client_address, limit: 1000000/52w}")
		all = append(all, s)
	}
	for i, trouble := range redisTroubles() {
		t.Run(trouble.name, func(t *testing.T) { all[i].test(t, trouble) })
	}
}

// test has one trouble. Of the limit of 200 alice has spent 20 in Redis, and
// spends each host's share, 100, while it is away; bob spends 10 at each.
func (s sharing) test(t *testing.T, trouble redisTrouble) {
	for _, d := range s.daemons {
		d.await(t, "the hosts know of each other", func() bool { return d.metric(t, "postern_policy_state_hosts") == 2 })
	}
	s.up(t, 1)
	s.daemons[0].spend(t, 20, "sasl_username=alice")
	stream := startRequests(t, s.daemons)
	stream.flows(t, 50)
	s.up(t, 1) // with nothing left to be added, should the machine have been busy
	trouble.begin(t, s.server)
	s.up(t, 0)
	for _, d := range s.daemons {
		if n := spendAll(t, []*policyDaemon{d}, 201, "sasl_username=alice"); n != 100 {
			t.Errorf("%d mails passed at one of two hosts, its share of 200 is 100", n)
		}
		d.spend(t, 10, "sasl_username=bob")
		if !strings.Contains(d.log(), "Redis is away, each host goes on with its share") {
			t.Error("the log does not tell")
		}
	}
	stream.flows(t, 50)
	s.up(t, 0)
	trouble.end(t, s.server)
	s.up(t, 1)
	stream.flows(t, 50)
	stream.stop(t, trouble.name, promptly)
	s.accounts(t)
}

// accounts checks what is left, as exactly as Redis made the decisions.
func (s sharing) accounts(t *testing.T) {
	t.Helper()
	before := disturbed(t, s.daemons)
	for _, d := range s.daemons {
		if got := d.answer(t, "sasl_username=alice"); got == "DUNNO" && disturbed(t, s.daemons) == before {
			t.Error("alice has spent more than the limit, and her mail passes")
		}
		if d.metric(t, "postern_policy_state_added_total") == 0 {
			t.Error("nothing was added to Redis")
		}
	}
	s.left(t, 180, "sasl_username=bob")
}

// left spends what is left of a limit.
func (s sharing) left(t *testing.T, want int, fields ...string) {
	t.Helper()
	before := disturbed(t, s.daemons)
	left := spendAll(t, s.daemons, 2000, fields...)
	if slack := int(disturbed(t, s.daemons) - before); left < want-slack || left > want+slack {
		t.Errorf("%d mails pass, want %d; %d decisions were made without Redis", left, want, slack)
	}
}

// up waits until all say that Redis is there, or away.
func (s sharing) up(t *testing.T, want float64) {
	t.Helper()
	for _, d := range s.daemons {
		d.await(t, fmt.Sprint("postern_policy_state_up is ", want), func() bool { return d.metric(t, "postern_policy_state_up") == want })
	}
}

// TestPolicyRedisFailover: a Sentinel makes the replica the master, and the
// counters go on.
func TestPolicyRedisFailover(t *testing.T) {
	master := scratchtest.Redis(t, scratch.RedisOptions{})
	replica := scratchtest.Redis(t, scratch.RedisOptions{Args: []string{"--replicaof", "127.0.0.1 " + fmt.Sprint(master.Port())}})
	sentinel := scratchtest.RedisSentinel(t, master)
	d := startPolicyDaemon(t, "", "checks: [rate_limits]", "rate_limits:",
		"  - {name: login, key: sasl_username, limit: 200/52w}", "  - {name: client, key: client_address, limit: 1000000/52w}",
		"state: redis+sentinel://"+sentinel.Addr()+"/mymaster")
	s := sharing{daemons: []*policyDaemon{d}}
	s.up(t, 1)
	d.spend(t, 50, "sasl_username=alice")
	eventually(t, "the replica has it", func() bool { return scratchtest.RedisDo(t, master, "WAIT", 1, 1000).(int64) == 1 })
	stream := startRequests(t, s.daemons)
	stream.flows(t, 50)
	eventually(t, "the Sentinel knows the replica", func() bool {
		text := fmt.Sprint(scratchtest.RedisDo(t, sentinel, "SENTINEL", "REPLICAS", "mymaster"))
		return strings.Contains(text, fmt.Sprint(replica.Port()))
	})
	scratchtest.RedisFailover(t, sentinel)
	eventually(t, "the replica is the master", func() bool { return scratchtest.RedisIsMaster(replica) })
	master.Kill()
	stream.flows(t, 50)
	s.up(t, 1)
	stream.stop(t, "failover", promptly)
	s.left(t, 150, "sasl_username=alice")
}

// TestPolicyRedisDeadAtStart: without any Redis the daemon starts, is one host
// with whole limits, and finds the Redis when it comes.
func TestPolicyRedisDeadAtStart(t *testing.T) {
	server := scratchtest.Redis(t, scratch.RedisOptions{})
	server.Kill()
	d := startPolicyDaemon(t, "", append(loginLimit("20/52w"), "state: redis://"+server.Addr())...)
	if n := spendAll(t, []*policyDaemon{d}, 21, "sasl_username=alice"); n != 20 {
		t.Errorf("%d mails passed, the limit is 20", n)
	}
	d.spend(t, 5, "sasl_username=bob")
	mustDo(t, server.Start(t.Context()))
	s := sharing{daemons: []*policyDaemon{d}}
	s.up(t, 1)
	other := startPolicyDaemon(t, "", append(loginLimit("20/52w"), "state: redis://"+server.Addr())...)
	s = sharing{daemons: []*policyDaemon{other}}
	s.left(t, 0, "sasl_username=alice")
	s.left(t, 15, "sasl_username=bob")
}
