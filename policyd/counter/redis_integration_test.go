//go:build integration

package counter

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"postern/internal/redisserver"
	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

// realStore is a store in a real server whose time is that of a clock: the
// scripts ask for it in a key, and expiry is pushed along, a thousand times
// slower than real time, so that nothing expires by itself.
type realStore struct {
	*Redis
	clock *clock
	last  time.Time
}

const realClock = "{postern}test:clock"

func openReal(t *testing.T, server *scratch.Redis, now *clock) Store {
	scratchtest.RedisDo(t, server, "FLUSHALL")
	r := &realStore{Redis: redisAt(t, "redis://"+server.Addr(), redisserver.Options{}), clock: now}
	text := chargeScript
	for old, replaced := range map[string]string{
		"redis.call('TIME')":    "redis.call('HMGET', '" + realClock + "', 's', 'us')",
		"math.ceil(per / 1000)": "math.ceil(per)",
		"3600)":                 "3600000)",
	} {
		if strings.Count(text, old) != 1 {
			t.Fatalf("the script has %q %d times", old, strings.Count(text, old))
		}
		text = strings.Replace(text, old, replaced, 1)
	}
	r.charging = newScript(text)
	r.tick(t.Context())
	return r
}

func (r *realStore) tick(ctx context.Context) error {
	now := r.clock.Now()
	d := now.Sub(r.last)
	if d == 0 {
		return nil
	}
	if !r.last.IsZero() && d > 0 {
		if err := r.age(ctx, d); err != nil {
			return err
		}
	}
	r.last = now
	us := now.UnixMicro()
	return r.client.HSet(ctx, realClock, "s", us/1_000_000, "us", us%1_000_000).Err()
}

// age lets time pass for all keys.
func (r *realStore) age(ctx context.Context, d time.Duration) error {
	keys, err := r.client.Keys(ctx, namesPrefix+"*").Result()
	for _, key := range keys {
		left := r.client.PTTL(ctx, key).Val()
		if err == nil && left > d*1000 && d < 1000*time.Hour {
			err = r.client.PExpire(ctx, key, left-d*1000).Err()
		} else if err == nil {
			err = r.client.Del(ctx, key).Err()
		}
	}
	return err
}

func (r *realStore) Charge(ctx context.Context, debits []Debit, outcomes []Outcome, peek bool) error {
	if err := r.tick(ctx); err != nil {
		return err
	}
	return r.Redis.Charge(ctx, debits, outcomes, peek)
}

func TestRealRedisConformance(t *testing.T) {
	server := scratchtest.Redis(t, scratch.RedisOptions{})
	testStore(t, redisSlack, func(t *testing.T, now *clock) Store { return openReal(t, server, now) })
}

// works checks that two stores at a location count together, by the server's clock.
func works(t *testing.T, at string, o redisserver.Options) {
	t.Helper()
	a, b := redisAt(t, at, o), redisAt(t, at, o)
	d := Debit{Rule: "works", Key: t.Name(), Windows: []Window{{2, time.Hour}, {5, 24 * time.Hour}}, Total: 1}
	for i, s := range []Store{a, b, a} {
		o := subject{store: s}.one(t, d)
		if o.Fits != (i < 2) || o.Cost != 1 {
			t.Errorf("charge %d: %+v", i, o)
		}
		if !o.Fits && (o.Retry <= 29*time.Minute || o.Retry > 30*time.Minute) {
			t.Errorf("wait %v", o.Retry)
		}
	}
}

func TestRealRedisWays(t *testing.T) {
	t.Run("socket", func(t *testing.T) {
		works(t, "redis:"+scratchtest.Redis(t, scratch.RedisOptions{}).Socket(), redisserver.Options{})
	})
	t.Run("password", func(t *testing.T) {
		r := scratchtest.Redis(t, scratch.RedisOptions{Args: []string{"--requirepass", "s3cr3t/@"}})
		works(t, "redis://:s3cr3t%2F%40@"+r.Addr()+"/3", redisserver.Options{})
		trouble(t, redisAt(t, "redis://"+r.Addr(), redisserver.Options{}), "wants a password (NOAUTH)")
		trouble(t, redisAt(t, "redis://:other@"+r.Addr(), redisserver.Options{}), "does not take this user and password (WRONGPASS)")
	})
	t.Run("user", func(t *testing.T) {
		r := scratchtest.Redis(t, scratch.RedisOptions{})
		scratchtest.RedisDo(t, r, "ACL", "SETUSER", "policy", "on", ">p", "~{postern}1:*", "+eval", "+evalsha", "+time", "+get", "+set", "+hget", "+hset",
			"+expire", "+zadd", "+zrem", "+zrange", "+zremrangebyscore")
		scratchtest.RedisDo(t, r, "ACL", "SETUSER", "poor", "on", ">p", "~{postern}1:*", "+get")
		works(t, "redis://policy:p@"+r.Addr(), redisserver.Options{})
		store := redisAt(t, "redis://policy:p@"+r.Addr(), redisserver.Options{})
		if c, err := store.beat(t.Context(), "h", time.Minute); err != nil || c != (crowd{hosts: 1}) {
			t.Error(c, err)
		}
		if err := store.addOnce(t.Context(), "id", []Level{{"r", "k", Window{1, time.Hour}, 1}}); err != nil {
			t.Error(err)
		}
		if err := store.leave(t.Context(), "h"); err != nil {
			t.Error(err)
		}
		trouble(t, redisAt(t, "redis://poor:p@"+r.Addr(), redisserver.Options{}), "the user may not do that (NOPERM)")
	})
	t.Run("TLS", func(t *testing.T) {
		r := scratchtest.Redis(t, scratch.RedisOptions{TLS: true})
		pem, err := os.ReadFile(r.CAFile())
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		works(t, "rediss://"+r.Addr(), redisserver.Options{Roots: roots})
		trouble(t, redisAt(t, "rediss://"+r.Addr(), redisserver.Options{}), "certificate signed by unknown authority")
	})
	t.Run("Cluster", func(t *testing.T) {
		nodes := scratchtest.RedisCluster(t, 3)
		for _, node := range nodes { // whichever is asked
			scratchtest.RedisDo(t, node, "FLUSHALL")
		}
		for i, node := range nodes {
			t.Run(fmt.Sprint(i), func(t *testing.T) { works(t, "redis+cluster://"+node.Addr(), redisserver.Options{}) })
		}
	})
}

// trouble checks that a store fails within its time, with words.
func trouble(t *testing.T, s Store, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	o := []Outcome{{Cost: 77}}
	err := s.Charge(ctx, []Debit{{Rule: "r", Key: "k", Windows: per(1, time.Hour), Total: 1}}, o, false)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v; want %q", err, want)
	}
	if o[0] != (Outcome{Cost: 77}) {
		t.Errorf("trouble, and yet %+v", o[0])
	}
}

// TestRealRedisScriptFlush: the script is sent anew when the server forgot it.
func TestRealRedisScriptFlush(t *testing.T) {
	server := scratchtest.Redis(t, scratch.RedisOptions{})
	s := subject{store: redisAt(t, "redis://"+server.Addr(), redisserver.Options{})}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				scratchtest.RedisDo(t, server, "SCRIPT", "FLUSH")
			}
		}
	}()
	got := hammer(t, s, 20, 20, func(client, i int) []Debit {
		return []Debit{{Rule: "r", Key: "k", Windows: per(100, 24*time.Hour), Total: 1}}
	})
	close(stop)
	<-done
	if got != 100 {
		t.Errorf("%d fit, the limit is 100", got)
	}
}

// TestRealRedisFailover: a real failover by a Sentinel. The counters go on.
func TestRealRedisFailover(t *testing.T) {
	master := scratchtest.Redis(t, scratch.RedisOptions{})
	replica := scratchtest.Redis(t, scratch.RedisOptions{Args: []string{"--replicaof", "127.0.0.1 " + fmt.Sprint(master.Port())}})
	sentinel := scratchtest.RedisSentinel(t, master)
	r := redisAt(t, "redis+sentinel://"+sentinel.Addr()+"/mymaster", redisserver.Options{})
	d := Debit{Rule: "r", Key: "k", Windows: per(1000, 24*time.Hour), Total: 1}
	for range 20 {
		hammer(t, subject{store: r}, 8, 1, func(client, i int) []Debit { return []Debit{d} })
	}
	eventually(t, "the replica has it", func() bool {
		n, _ := scratchtest.RedisDo(t, replica, "DBSIZE").(int64)
		return n == 1
	})
	scratchtest.RedisFailover(t, sentinel)
	charged := int64(160)
	eventually(t, "the successor counts", func() bool {
		err := r.Charge(t.Context(), []Debit{d}, make([]Outcome, 1), false)
		if err == nil {
			charged++
		}
		return err == nil && scratchtest.RedisIsMaster(replica)
	})
	d.Total = 0
	if o := (subject{store: r}).one(t, d); o.Remaining > 1000-160 || o.Remaining < 1000-charged {
		t.Errorf("%d remain after %d charges", o.Remaining, charged)
	}
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not in a minute: " + what)
		}
	}
}

// BenchmarkRedis is a decision of two debits on loopback.
func BenchmarkRedis(b *testing.B) {
	server := scratchtest.Redis(b, scratch.RedisOptions{})
	r := redisAt(b, "redis://"+server.Addr(), redisserver.Options{PoolSize: 16})
	ask := func(i int) {
		debits := []Debit{
			{Rule: "client", Key: fmt.Sprint("192.0.2.", i%250), Windows: per(1e9, time.Minute), Total: 1, Message: fmt.Sprint(i)},
			{Rule: "login", Key: fmt.Sprint("login", i%1000), Windows: per(1e9, 24*time.Hour), Total: 1, Message: fmt.Sprint(i)},
		}
		if err := r.Charge(context.Background(), debits, make([]Outcome, 2), false); err != nil {
			b.Error(err)
		}
	}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			ask(i)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.SetParallelism(4)
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				ask(i)
			}
		})
	})
}
