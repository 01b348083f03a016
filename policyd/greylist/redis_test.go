package greylist

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"postern/policyd"
)

func TestNewRedis(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer client.Close()
	for _, test := range []struct {
		want string
		o    RedisOptions
	}{
		{"the Redis client is missing", RedisOptions{Key: []byte(testKey)}},
		{"has 15 bytes: make it 16 random bytes at least", RedisOptions{Client: client, Key: []byte(testKey[1:])}},
	} {
		if _, err := NewRedis(test.o); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %s", err, test.want)
		}
	}
}

// shared is a server that several hosts use, with a clock.
func shared(t *testing.T) (*miniredis.Miniredis, *clock) {
	c, mini := newClock(), miniredis.RunT(t)
	c.set = mini.SetTime
	mini.SetTime(c.now)
	mini.ClockTTL(true)
	return mini, c
}

// TestTwoHosts: what one saw, another lets pass; the same instance on two hosts
// is two messages.
func TestTwoHosts(t *testing.T) {
	mini, c := shared(t)
	hosts := map[string]*policyd.Policy{}
	for _, host := range []string{"mx1", "mx2"} {
		hosts[host] = chain(newCheck(t, Options{Store: newRedis(t, mini.Addr(), testKey), Host: host, AutoPass: 2}))
	}
	judge := func(host, sender, want string) {
		t.Helper()
		d, err := hosts[host].Judge(t.Context(), request(t, "192.0.2.1", sender, "user@mine.example"))
		if err != nil || d.Action.Name() != want {
			t.Errorf("%s: %s, %v; want %s", host, d.Action, err, want)
		}
	}
	judge("mx1", "a@b.example", "defer_if_permit")
	c.add(time.Minute)
	judge("mx2", "a@b.example", "dunno")
	judge("mx2", "a@b.example", "dunno") // the same message
	judge("mx2", "x@y.example", "defer_if_permit")
	judge("mx1", "a@b.example", "dunno")
	judge("mx1", "x@z.example", "dunno") // trusted by now
	judge("mx2", "x@w.example", "dunno")
}

// TestKeysInRedis: no address, no network and no domain is there, and all ends.
func TestKeysInRedis(t *testing.T) {
	mini, _ := shared(t)
	spf := ""
	c := newCheck(t, Options{Store: newRedis(t, mini.Addr(), testKey), Pools: []string{"pool.secret"}, SenderDomain: spfSays(&spf)})
	for i, domain := range []string{"", "spf.secret"} {
		spf = domain
		for _, name := range []string{"unknown", "m.pool.secret"} {
			q := request(t, "198.51.100.77", fmt.Sprint(i, "@sender.secret"), "user@mine.secret", "client_name="+name)
			if _, err := c.Check(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n, err := c.Release(t.Context(), "", "@sender.secret", "user@mine.secret"); n != 3 || err != nil {
		t.Errorf("%d released, %v", n, err)
	}
	if _, err := c.Release(t.Context(), "198.51.100.77", "", ""); err != nil {
		t.Error(err)
	}
	for _, key := range mini.Keys() {
		if !strings.HasPrefix(key, "{postern}:grey:") || mini.TTL(key) <= 0 {
			t.Errorf("%s lives %v", key, mini.TTL(key))
		}
	}
	for _, word := range []string{"secret", "198.51", "mine", "@"} {
		if dump := mini.Dump(); strings.Contains(dump, word) {
			t.Errorf("%s is in Redis: %s", word, dump)
		}
	}
	kinds := map[string]int{}
	entries, err := c.Entries(t.Context(), 0)
	for _, e := range entries {
		kind, _, _ := strings.Cut(e.Group, "-")
		kinds[kind]++
	}
	if fmt.Sprint(kinds) != "map[network:2 pool:1 spf:1]" || err != nil {
		t.Errorf("%v, %v", kinds, err)
	}
}

// TestOtherKey: rows under another key are not found, and do no harm.
func TestOtherKey(t *testing.T) {
	mini, _ := shared(t)
	one, other := newRedis(t, mini.Addr(), testKey), newRedis(t, mini.Addr(), "another-"+testKey)
	for i, r := range []*Redis{one, other, one, other} {
		if first := mustJudge(t, r, visit("b.example", 1), false).First.IsZero(); first != (i < 2) {
			t.Errorf("%d: first %v", i, first)
		}
	}
	if n := len(mini.Keys()); n != 2 {
		t.Errorf("%d rows, want one of each", n)
	}
}

// TestRowsOfOtherReleases: what is missing counts for nothing, what is not known
// stays.
func TestRowsOfOtherReleases(t *testing.T) {
	mini, c := shared(t)
	r := newRedis(t, mini.Addr(), testKey)
	v := visit("b.example", 1)
	keys, _ := r.keys(&v)
	millis := fmt.Sprint(c.Now().Add(-30 * time.Second).UnixMilli())
	for _, test := range []struct {
		name   string
		fields []string
		wait   time.Duration
		known  bool
	}{
		{"only what must be", []string{"f", millis}, 30 * time.Second, false},
		{"more", []string{"f", millis, "m", "x", "later", "thing"}, 30 * time.Second, false},
		{"passed, only that", []string{"p", millis}, 0, true},
		{"passed, more", []string{"p", millis, "f", millis, "c", "7", "later", "thing"}, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			mini.FlushAll()
			mini.HSet(keys[2], test.fields...)
			mini.HSet(keys[0], "c", "3", "later", "thing")
			mini.SetTTL(keys[2], time.Hour)
			if s := mustJudge(t, r, v, false); s.Wait != test.wait || s.Known != test.known || s.Passes[0] != 3 {
				t.Errorf("%+v", s)
			}
			mustNote(t, r, v)
			if s := mustJudge(t, r, v, false); !s.Known || s.Passes != [2]int{4, 1} || mini.HGet(keys[0], "later") != "thing" {
				t.Errorf("%+v, group %q", s, mini.HGet(keys[0], "later"))
			}
		})
	}
}

// TestForeignKeys: a list steps over what is not ours, or of another release.
func TestForeignKeys(t *testing.T) {
	mini, _ := shared(t)
	r := newRedis(t, mini.Addr(), testKey)
	mustJudge(t, r, visit("b.example", 1), false)
	for _, key := range []string{"other", "{postern}:rate:x", keyPrefix + "x:y", keyPrefix + "g", keyPrefix + "t:a:b"} {
		mini.HSet(key, "f", "1")
		mini.SetTTL(key, time.Hour)
	}
	entries, err := r.Entries(t.Context(), 100)
	if err != nil || len(entries) != 1 {
		t.Errorf("%+v, %v", entries, err)
	}
}

// TestRedisNames pins what other hosts and releases have to find. Hashed with
// Python's hmac.
func TestRedisNames(t *testing.T) {
	r := newRedis(t, "127.0.0.1:1", testKey)
	for _, c := range []struct {
		visit Visit
		want  []string
	}{
		{Visit{Trust: [2]Group{"192.0.2.0/24", "spf b.example"}}, []string{"{postern}:grey:g:network-X6eJl068FDH-wjeX", "{postern}:grey:g:spf-FDDL5sN-A36b2c_N"}},
		{Visit{Group: "pool b.example", Sender: "b.example", Owner: "user@mine.example"}, []string{"{postern}:grey:t:pool-tU-na9RfT4nGsJH4:CFntNWhLV6H4Rpt0:j6H3oDOMElTZPaa3"}},
		{Visit{Group: "192.0.2.0/24", Owner: "user@mine.example"}, []string{"{postern}:grey:t:network-X6eJl068FDH-wjeX:null:j6H3oDOMElTZPaa3"}},
	} {
		if got, _ := r.keys(&c.visit); !slices.Equal(got, c.want) {
			t.Errorf("%+v:\n got %q\nwant %q", c.visit, got, c.want)
		}
	}
}

// TestManyKeys: a scan of several steps tells each row once.
func TestManyKeys(t *testing.T) {
	mini, _ := shared(t)
	r := newRedis(t, mini.Addr(), testKey)
	const n = scanned + 100
	for i := range n {
		mustJudge(t, r, Visit{Group: Group(fmt.Sprint(i)), Sender: "b.example", Owner: "o"}, false)
	}
	entries, err := r.Entries(t.Context(), 2*n)
	if err != nil || len(entries) != n {
		t.Errorf("%d rows, %v", len(entries), err)
	}
	if got, err := r.Release(t.Context(), "b.example", "o", terms()); got != n || err != nil {
		t.Errorf("%d released, %v", got, err)
	}
	if got, err := r.Release(t.Context(), "b.example", "o", terms()); got != 0 || err != nil {
		t.Errorf("%d released again, %v", got, err)
	}
}

// TestScriptsAreForgotten: a server that was restarted has no scripts.
func TestScriptsAreForgotten(t *testing.T) {
	mini, _ := shared(t)
	r := newRedis(t, mini.Addr(), testKey)
	for i := range 3 {
		mustJudge(t, r, visit(fmt.Sprint(i), 1), false)
		mustNote(t, r, visit(fmt.Sprint(i), 1))
		if err := r.options.Client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRedisTrouble: what the server says is told without what it was asked.
func TestRedisTrouble(t *testing.T) {
	mini, _ := shared(t)
	r := newRedis(t, mini.Addr(), testKey)
	for reply, want := range map[string]string{
		"LOADING Redis is loading the dataset in memory":        "redis: the server is loading its data (LOADING)",
		"READONLY You can't write against a read only replica.": "redis: the server is a replica that takes no writes (READONLY)",
		"OOM command not allowed when used memory":              "redis: the server's memory is full: maxmemory (OOM)",
		"NOAUTH Authentication required.":                       "redis: the server wants a password (NOAUTH)",
		"STRANGE secret@b.example":                              "redis: the server refuses: STRANGE",
	} {
		mini.SetError(reply)
		_, judge := r.Judge(t.Context(), visit("b.example", 1), terms(), false)
		_, pass := r.Pass(t.Context(), visit("b.example", 1), terms())
		_, list := r.Entries(t.Context(), 10)
		_, release := r.Release(t.Context(), "b.example", "o", terms())
		trust := r.Trust(t.Context(), "192.0.2.0/24", terms())
		for _, err := range []error{judge, pass, list, release, trust} {
			if err == nil || err.Error() != want {
				t.Errorf("%v, want %s", err, want)
			}
		}
	}
	mini.SetError("")
	mustJudge(t, r, visit("b.example", 1), false)
	mini.HSet(groupKey(r.group("192.0.2.0/24")), "c", "many")
	if _, err := r.Judge(t.Context(), visit("c.example", 1), terms(), false); err != nil {
		t.Errorf("a number that is none: %v", err)
	}
	mustNote(t, r, visit("c.example", 1))
	if s := mustJudge(t, r, visit("c.example", 1), false); s.Passes != [2]int{1, 1} || !s.Known {
		t.Errorf("%+v", s)
	}
	mini.Close()
	if _, err := r.Judge(t.Context(), visit("b.example", 1), terms(), false); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Judge(ended, visit("b.example", 1), terms(), false); err == nil {
		t.Error("an ended context is no error")
	}
}

func BenchmarkRedisKeys(b *testing.B) {
	r := &Redis{options: RedisOptions{Key: []byte(testKey)}}
	v := visit("b.example", 1)
	b.ReportAllocs()
	for b.Loop() {
		r.keys(&v)
	}
}
