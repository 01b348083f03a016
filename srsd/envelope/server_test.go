package envelope

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	fake "github.com/alicebob/miniredis/v2/server"
)

func TestServerLayout(t *testing.T) {
	for _, test := range []struct {
		name string
		o    Options
		ttl  time.Duration
	}{
		{"native", Options{}, 24 * 24 * time.Hour},
		{"exact", Options{Exact: true}, 1814400 * time.Second},
		{"short", Options{Lifetime: time.Minute}, time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			mini := miniredis.RunT(t)
			s := subject{Store: open(t, "redis://"+mini.Addr()+"/3", test.o)}
			s.put(t, "test@otherdomain.com")
			const key = "PostSRSd/DCJGDE6N24LCRT41A4T0G1UIF0DTKKQJ@1"
			if v, err := mini.DB(3).Get(key); err != nil || v != "test@otherdomain.com" {
				t.Errorf("%q, %v; there is %v", v, err, mini.DB(3).Keys())
			}
			if ttl := mini.DB(3).TTL(key); ttl != test.ttl {
				t.Errorf("lives %v, want %v", ttl, test.ttl)
			}
		})
	}
}

// TestServerOfPostSRSd: what PostSRSd has stored is found.
func TestServerOfPostSRSd(t *testing.T) {
	mini := miniredis.RunT(t)
	mini.Set("PostSRSd/DCJGDE6N24LCRT41A4T0G1UIF0DTKKQJ@1", "test@otherdomain.com")
	mini.Set("PostSRSd/"+Alias("empty")+"@1", "")
	s := subject{Store: open(t, "redis:"+mini.Addr(), Options{Exact: true})}
	s.gives(t, "dcjgde6n24lcrt41a4t0g1uif0dtkkqj", "test@otherdomain.com")
	s.gives(t, Alias("empty"), "")
	if n, err := s.Len(t.Context()); n != 2 || err != nil {
		t.Errorf("%d keys, %v", n, err)
	}
}

func TestServerRefuses(t *testing.T) {
	mini := miniredis.RunT(t)
	s := open(t, "redis:"+mini.Addr(), Options{})
	for reply, want := range map[string]string{
		"LOADING Redis is loading the dataset in memory":                                "the server is loading its data (LOADING)",
		"READONLY You can't write against a read only replica.":                         "a replica that takes no writes (READONLY)",
		"NOAUTH Authentication required.":                                               "wants a password (NOAUTH)",
		"WRONGPASS invalid username-password pair or user is disabled.":                 "does not take this user and password (WRONGPASS)",
		"NOPERM this user has no permissions to run the 'setex' command":                "he needs GET and SETEX",
		"OOM command not allowed when used memory > 'maxmemory'.":                       "memory is full: maxmemory (OOM)",
		"MISCONF Redis is configured to save RDB snapshots, but it's unable to persist": "cannot save its data and takes no writes (MISCONF)",
		"NOREPLICAS Not enough good replicas to write.":                                 "too few replicas",
		"MASTERDOWN Link with MASTER is down":                                           "has lost its master (MASTERDOWN)",
		"WRONGTYPE Operation against a key holding the wrong kind of value":             "something else than a text",
		"ERR unknown command 'SETEX', with args beginning with: 's3cr3t' ":              "refuses: ERR unknown command 'SETEX'",
		"ERR max number of clients reached":                                             "refuses: ERR max number of clients reached",
		"STRANGE s3cr3t@example.com":                                                    "refuses: STRANGE",
	} {
		t.Run(reply, func(t *testing.T) {
			mini.SetError(reply)
			defer mini.SetError("")
			put := s.Put(t.Context(), Alias("s3cr3t@example.com"), "s3cr3t@example.com")
			_, found, get := s.Get(t.Context(), Alias("s3cr3t@example.com"))
			if found {
				t.Error("found")
			}
			for _, err := range []error{put, get, s.Ping(t.Context())} {
				fails(t, err, want)
				if strings.Contains(err.Error(), "s3cr3t") {
					t.Errorf("tells the address: %v", err)
				}
			}
		})
	}
	subject{Store: s}.put(t, "works@example.com")
}

func TestServerPassword(t *testing.T) {
	mini := miniredis.RunT(t)
	mini.RequireUserAuth("srs", "s3cr3t@/")
	good := subject{Store: open(t, "redis://srs:s3cr3t%40%2F@"+mini.Addr(), Options{})}
	good.put(t, "a@b.c")
	good.gives(t, Alias("a@b.c"), "a@b.c")
	for _, login := range []string{"", "srs:wrongs3cr3t@", "s3cr3t:s3cr3t@", ":s3cr3t@"} {
		var log bytes.Buffer
		s := open(t, "redis://"+login+mini.Addr(), Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		_, _, get := s.Get(t.Context(), Alias("a@b.c"))
		for _, err := range []error{s.Put(t.Context(), Alias("a@b.c"), "a@b.c"), get, s.Ping(t.Context())} {
			if err == nil {
				t.Errorf("%s: no error", login)
				continue
			}
			if !strings.Contains(err.Error(), "password") && !strings.Contains(err.Error(), "WRONGPASS") {
				t.Errorf("%s: %v", login, err)
			}
			if strings.Contains(err.Error()+s.String(), "s3cr3t") {
				t.Errorf("tells the password: %v, %s", err, s)
			}
		}
		s.Close()
		if strings.Contains(log.String(), "s3cr3t") {
			t.Errorf("logs the password: %s", log.String())
		}
	}
}

func TestServerOnSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "redis.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	mini := miniredis.RunT(t)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mini.Server().ServeConn(conn)
		}
	}()
	s := subject{Store: open(t, "redis:"+path, Options{})}
	s.put(t, "a@b.c")
	s.gives(t, Alias("a@b.c"), "a@b.c")
	s.Close()
	listener.Close()
	<-closed
}

// TestServerAway: trouble, at once, without a word on standard error; and the
// store works again as soon as the server is back.
func TestServerAway(t *testing.T) {
	mini := miniredis.RunT(t)
	address := mini.Addr()
	quiet := capture(t, &os.Stderr, func() {
		s := subject{Store: open(t, "redis:"+address, Options{})}
		for range 3 {
			s.put(t, "a@b.c")
			mini.Close()
			for range poolSize + 1 {
				fails(t, s.Put(t.Context(), Alias("x@y"), "x@y"), "put: connection refused")
				_, found, err := s.Get(t.Context(), Alias("a@b.c"))
				fails(t, err, "get: connection refused")
				if found {
					t.Error("found")
				}
			}
			if err := mini.Restart(); err != nil {
				t.Fatal(err)
			}
			s.gives(t, Alias("a@b.c"), "a@b.c")
		}
		for name, want := range map[string]string{
			"redis://no-such-host.invalid":             "no address of no-such-host.invalid",
			"redis:/nowhere/redis.sock":                "no such file or directory",
			"redis+sentinel://127.0.0.1:1,[::1]:1/abc": "sentinel 127.0.0.1:1: connection refused",
		} {
			fails(t, open(t, name, Options{}).Ping(t.Context()), want)
		}
	})
	if quiet != "" {
		t.Errorf("standard error: %s", quiet)
	}
}

// capture returns what is written to a file of the process meanwhile.
func capture(t *testing.T, file **os.File, do func()) string {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func(old *os.File) { *file = old }(*file)
	*file = writer
	done := make(chan string)
	go func() {
		text, _ := io.ReadAll(reader)
		done <- string(text)
	}()
	do()
	writer.Close()
	return <-done
}

// TestSentinel: the store finds the master, and its successor when it was demoted.
func TestSentinel(t *testing.T) {
	var masters [2]*miniredis.Miniredis
	for i := range masters {
		masters[i] = miniredis.RunT(t)
		masters[i].RequireAuth("s3cr3t")
	}
	var current atomic.Int32
	sentinel, err := fake.NewServer("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer sentinel.Close()
	sentinel.Register("SENTINEL", func(c *fake.Peer, _ string, args []string) {
		if args[len(args)-1] != "mymaster" {
			c.WriteNull()
			return
		}
		m := masters[current.Load()]
		c.WriteStrings([]string{m.Host(), m.Port()})
	})
	at := sentinel.Addr().String()
	s := subject{Store: open(t, "redis+sentinel://:s3cr3t@127.0.0.1:1,"+at+"/mymaster", Options{})}
	s.put(t, "first@example.com")
	masters[0].SetError("READONLY You can't write against a read only replica.")
	current.Store(1)
	s.put(t, "second@example.com")
	if keys := masters[1].Keys(); len(keys) != 1 || keys[0] != "PostSRSd/"+Alias("second@example.com")+"@1" {
		t.Errorf("the successor holds %v", keys)
	}
	other := open(t, "redis+sentinel://"+at+"/another", Options{})
	fails(t, other.Ping(t.Context()), `knows no master "another"`)
}

func TestEviction(t *testing.T) {
	for _, test := range []struct{ name, info, want string }{
		{"no limit", "# Memory\r\nmaxmemory:0\r\nmaxmemory_human:0B\r\nmaxmemory_policy:allkeys-lru\r\n", ""},
		{"refuses", "maxmemory:1048576\r\nmaxmemory_policy:noeviction\r\n", ""},
		{"drops", "used_memory:1\r\nmaxmemory:1048576\r\nmaxmemory_policy:allkeys-lru\r\nother:1\r\n", "allkeys-lru"},
		{"drops what expires", "maxmemory:1\nmaxmemory_policy:volatile-ttl", "volatile-ttl"},
		{"says nothing", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := evicts(test.info); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
