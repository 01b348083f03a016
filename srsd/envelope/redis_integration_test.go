//go:build integration

package envelope

import (
	"bytes"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

// redisServer is a real one.
type redisServer struct{ *scratch.Redis }

func startRedis(t *testing.T, arguments ...string) redisServer {
	t.Helper()
	return redisServer{scratchtest.Redis(t, scratch.RedisOptions{Args: arguments})}
}

func (r redisServer) at() string { return "redis://" + r.Addr() }

func (r redisServer) start(t *testing.T, more ...string) {
	t.Helper()
	if err := r.Start(t.Context(), more...); err != nil {
		t.Fatal(err)
	}
}

func (r redisServer) do(t *testing.T, command ...any) any {
	t.Helper()
	return scratchtest.RedisDo(t, r.Redis, command...)
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not in a minute: " + what)
		}
	}
}

func TestRedis(t *testing.T) {
	r := startRedis(t)
	addresses := []string{
		"test@otherdomain.com", "jörg@straße.example", "j\xf6rg\xff\x01\r\n$3@example.com", strings.Repeat("x", 500) + "@example.com",
	}
	for name, at := range map[string]string{
		"url": r.at() + "/5", "PostSRSd's form": "redis:" + r.Addr(), "socket": "redis:" + r.Socket(),
	} {
		t.Run(name, func(t *testing.T) {
			s := subject{Store: open(t, at, Options{})}
			for _, address := range addresses {
				s.gives(t, Alias(address), "")
				s.put(t, address)
				s.gives(t, strings.ToLower(Alias(address)), address)
			}
			if n, err := s.Len(t.Context()); n != int64(len(addresses)) || err != nil {
				t.Errorf("%d keys, %v", n, err)
			}
			r.do(t, "FLUSHDB")
		})
	}
	t.Run("life", func(t *testing.T) {
		s := subject{Store: open(t, r.at(), Options{Exact: true})}
		const key = "PostSRSd/DCJGDE6N24LCRT41A4T0G1UIF0DTKKQJ@1"
		for range 2 {
			s.put(t, "test@otherdomain.com")
			if ttl := r.do(t, "TTL", key).(int64); ttl > 1814400 || ttl < 1814400-60 {
				t.Errorf("lives %d s, want 1814400", ttl)
			}
			r.do(t, "EXPIRE", key, 100) // time passes
		}
		r.do(t, "EXPIRE", key, -1)
		s.gives(t, Alias("test@otherdomain.com"), "")
		r.do(t, "SETEX", key, 1814400, "test@otherdomain.com") // as PostSRSd writes
		s.gives(t, Alias("test@otherdomain.com"), "test@otherdomain.com")
	})
}

// inTime checks that put and get end in trouble within the limit.
func inTime(t *testing.T, s subject, want string) {
	t.Helper()
	_, found, get := func() (string, bool, error) {
		defer limit(t, s, time.Now())
		return s.Get(t.Context(), Alias("a@b.c"))
	}()
	if found {
		t.Error("found")
	}
	put := func() error {
		defer limit(t, s, time.Now())
		return s.Put(t.Context(), Alias("x@y"), "x@y")
	}()
	fails(t, get, want)
	fails(t, put, want)
}

func limit(t *testing.T, s subject, began time.Time) {
	t.Helper()
	if d := time.Since(began); d > s.options.Timeout+2*time.Second { // a busy host is forgiven two
		t.Errorf("took %v", d)
	}
}

func TestRedisKilledAndRestarted(t *testing.T) {
	r := startRedis(t)
	s := subject{Store: open(t, r.at(), Options{})}
	for range 2 {
		s.put(t, "a@b.c")
		r.Kill()
		inTime(t, s, "connection refused")
		r.start(t)
		s.gives(t, Alias("a@b.c"), "") // that server keeps nothing
		s.put(t, "a@b.c")
		s.gives(t, Alias("a@b.c"), "a@b.c")
	}
}

func TestRedisStopped(t *testing.T) {
	r := startRedis(t)
	s := subject{Store: open(t, r.at(), Options{Timeout: time.Second})}
	s.put(t, "a@b.c")
	if err := r.Pause(); err != nil {
		t.Fatal(err)
	}
	inTime(t, s, "no answer in time")
	fails(t, open(t, r.at(), Options{Timeout: time.Second}).Ping(t.Context()), "no answer in time")
	if err := r.Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it answers again", func() bool { return s.Ping(t.Context()) == nil })
	s.gives(t, Alias("a@b.c"), "a@b.c")
	s.put(t, "x@y")
}

func TestRedisLoading(t *testing.T) {
	r := startRedis(t)
	s := subject{Store: open(t, r.at(), Options{})}
	s.put(t, "a@b.c")
	r.do(t, "DEBUG", "POPULATE", 5000)
	r.do(t, "SAVE")
	r.Kill()
	r.start(t, "--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024")
	inTime(t, s, "the server is loading its data (LOADING)")
	eventually(t, "it has loaded", func() bool { return s.Ping(t.Context()) == nil })
	s.gives(t, Alias("a@b.c"), "a@b.c")
}

func TestRedisLogins(t *testing.T) {
	r := startRedis(t)
	r.do(t, "ACL", "SETUSER", "srs", "on", ">s3cr3t", "~PostSRSd/*", "+get", "+setex", "+select", "+dbsize", "+info")
	r.do(t, "ACL", "SETUSER", "poor", "on", ">s3cr3t", "~PostSRSd/*", "+get")
	r.do(t, "ACL", "SETUSER", "default", "on", "resetpass", ">s3cr3tD", "+@all")
	var log bytes.Buffer
	login := func(login string) subject {
		return subject{Store: open(t, "redis://"+login+"@"+r.Addr()+"/2", Options{Log: slog.New(slog.NewTextHandler(&log, nil))})}
	}
	for _, good := range []string{"srs:s3cr3t", ":s3cr3tD", "default:s3cr3tD"} {
		s := login(good)
		s.put(t, "a@b.c")
		s.gives(t, Alias("a@b.c"), "a@b.c")
		if err := s.tend(t.Context()); err != nil {
			t.Error(err)
		}
		s.Close()
	}
	for bad, want := range map[string]string{
		":wrongs3cr3t": "WRONGPASS", "nobody:s3cr3t": "WRONGPASS", "": "wants a password (NOAUTH)", "poor:s3cr3t": "NOPERM",
	} {
		s := login(bad)
		err := s.Put(t.Context(), Alias("a@b.c"), "a@b.c")
		fails(t, err, want)
		if strings.Contains(fmt.Sprint(err, s), "s3cr3t") {
			t.Errorf("tells the password: %v %s", err, s)
		}
		s.Close()
	}
	if strings.Contains(log.String(), "s3cr3t") {
		t.Errorf("logs the password: %s", log.String())
	}
}

// TestRedisFull: without room the server takes no sender, and gives those it has.
func TestRedisFull(t *testing.T) {
	r := startRedis(t)
	s := subject{Store: open(t, r.at(), Options{})}
	s.put(t, "a@b.c")
	r.do(t, "CONFIG", "SET", "maxmemory", "1")
	fails(t, s.Put(t.Context(), Alias("x@y"), "x@y"), "the server's memory is full")
	s.gives(t, Alias("a@b.c"), "a@b.c")
	r.do(t, "CONFIG", "SET", "maxmemory", "0")
	s.put(t, "x@y")
}

func TestRedisThatEvicts(t *testing.T) {
	r := startRedis(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	var log bytes.Buffer
	s := open(t, r.at(), Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err := s.tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if !strings.Contains(log.String(), "maxmemory-policy noeviction") || !strings.Contains(log.String(), "allkeys-lru") {
		t.Errorf("log: %q", log.String())
	}
}

func TestRedisReplica(t *testing.T) {
	r := startRedis(t)
	s := subject{Store: open(t, r.at(), Options{})}
	s.put(t, "a@b.c")
	r.do(t, "REPLICAOF", "127.0.0.1", "1")
	fails(t, s.Put(t.Context(), Alias("x@y"), "x@y"), "replica that takes no writes")
	s.gives(t, Alias("a@b.c"), "a@b.c")
	r.do(t, "CONFIG", "SET", "replica-serve-stale-data", "no")
	_, _, err := s.Get(t.Context(), Alias("a@b.c"))
	fails(t, err, "has lost its master (MASTERDOWN)")
	r.do(t, "REPLICAOF", "NO", "ONE")
	s.put(t, "x@y")
}

// TestRedisSentinel: a real failover; no sender is lost and none is refused after it.
func TestRedisSentinel(t *testing.T) {
	master := startRedis(t)
	replica := startRedis(t, "--replicaof", "127.0.0.1 "+strconv.Itoa(master.Port()))
	guard := redisServer{scratchtest.RedisSentinel(t, master.Redis)}
	s := subject{Store: open(t, "redis+sentinel://"+guard.Addr()+"/mymaster", Options{})}
	s.put(t, "before@example.com")
	eventually(t, "the replica has it", func() bool {
		return replica.do(t, "DBSIZE") == int64(1)
	})
	scratchtest.RedisFailover(t, guard.Redis)
	eventually(t, "a sender is in the replica", func() bool {
		if s.Put(t.Context(), Alias("after@example.com"), "after@example.com") != nil {
			return false
		}
		return scratchtest.RedisIsMaster(replica.Redis) && replica.do(t, "DBSIZE") == int64(2)
	})
	s.gives(t, Alias("before@example.com"), "before@example.com")
	master.Kill()
	eventually(t, "the Sentinel names the successor", func() bool {
		return s.Put(t.Context(), Alias("later@example.com"), "later@example.com") == nil
	})
	s.gives(t, Alias("later@example.com"), "later@example.com")
}

// TestRedisCluster: the senders are spread over the nodes.
func TestRedisCluster(t *testing.T) {
	nodes := scratchtest.RedisCluster(t, 3)
	s := subject{Store: open(t, "redis+cluster://"+nodes[0].Addr(), Options{})}
	const n = 30
	for i := range n {
		s.put(t, fmt.Sprintf("sender%d@example.com", i))
	}
	for i := range n {
		address := fmt.Sprintf("sender%d@example.com", i)
		s.gives(t, Alias(address), address)
	}
	if counted, err := s.Len(t.Context()); counted != n || err != nil {
		t.Errorf("%d senders, %v", counted, err)
	}
	if err := s.tend(t.Context()); err != nil {
		t.Error(err)
	}
}
