package redisserver

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestLocation(t *testing.T) {
	for _, test := range []struct{ at, want string }{
		{"redis:localhost:6379", "redis://localhost:6379/0"},
		{"redis:[::1]:6379", "redis://[::1]:6379/0"},
		{"redis:/run/redis/redis.sock", "redis:/run/redis/redis.sock"},
		{"redis:run/redis:1/sock", "redis:run/redis:1/sock"},
		{"redis:redis.sock", "redis:redis.sock"},
		{"redis://127.0.0.1:6380/3", "redis://127.0.0.1:6380/3"},
		{"redis://127.0.0.1", "redis://127.0.0.1:6379/0"},
		{"redis://[::1]/", "redis://[::1]:6379/0"},
		{"redis://[::1]:1", "redis://[::1]:1/0"},
		{"redis://:s3cr3t@db.example:6379/1", "redis://db.example:6379/1"},
		{"redis://user:s3cr3t@db.example", "redis://db.example:6379/0"},
		{"rediss://user:s3cr3t@db.example/2", "rediss://db.example:6379/2"},
		{"redis+sentinel://s1.example/mymaster", "redis+sentinel://s1.example:26379/mymaster/0"},
		{"redis+sentinel://:s3cr3t@s1,s2:1,[::1]/mymaster/4", "redis+sentinel://s1:26379,s2:1,[::1]:26379/mymaster/4"},
		{"redis+cluster://:s3cr3t@c1,c2:1,[::1]", "redis+cluster://c1:6379,c2:1,[::1]:6379"},
		{"redis+cluster://c1/0", "redis+cluster://c1:6379"},
	} {
		t.Run(test.at, func(t *testing.T) {
			l, err := Parse(test.at)
			if err != nil || l.String() != test.want || !Is(test.at) {
				t.Errorf("%v, %v; want %s", l, err, test.want)
			}
			if text := fmt.Sprintf("%v %+v %s", l, l, l); strings.Contains(text, "s3cr3t") {
				t.Errorf("tells the password: %s", text)
			}
		})
	}
}

func TestLogin(t *testing.T) {
	for _, test := range []struct{ at, user, password string }{
		{"redis://h", "", ""},
		{"redis://u@h", "u", ""},
		{"redis://:p@h", "", "p"},
		{"redis://u:p:q@h", "u", "p:q"},
		{"redis://u:p%40%2F%3a@h", "u", "p@/:"},
		{"redis://u:p@q@h", "u", "p@q"},
	} {
		l, err := Parse(test.at)
		if err != nil || l.user != test.user || l.password != test.password || l.servers[0] != "h:6379" {
			t.Errorf("%s: %s %s %v, %v", test.at, l.user, l.password, l.servers, err)
		}
		if given := l.WithPassword("other"); given.password != "other" || given.user != test.user || l.password != test.password {
			t.Errorf("%s: with another password: %q %q, before %q", test.at, given.user, given.password, l.password)
		}
	}
}

func TestMalformedLocation(t *testing.T) {
	for at, want := range map[string]string{
		"":                                   "no location of a Redis server: write redis://",
		"memory":                             "no location of a Redis server",
		"mysql:x":                            "no location of a Redis server",
		"http://host":                        "no location of a Redis server",
		"rediss:host:1":                      "no location of a Redis server",
		"redis+sentinel:host:1":              "no location of a Redis server",
		"redis:":                             "no Redis server is named",
		"redis::6379":                        "no Redis server is named",
		"redis:host:":                        "no Redis server is named",
		"redis:host:port":                    "no Redis server is named",
		"redis:host:0":                       "no Redis server is named",
		"redis:host:65536":                   "no Redis server is named",
		"redis:s3cr3t@host:6379x":            "no Redis server is named",
		"redis:#:1":                          "no Redis server is named",
		"redis://":                           "HOST or PORT is missing",
		"redis:///0":                         "HOST or PORT is missing",
		"redis://:s3cr3t@:6379":              "HOST or PORT is missing",
		"redis://:s3cr3t@host:s3cr3t":        "HOST or PORT is missing",
		"redis://a b/0":                      "HOST or PORT is missing",
		"redis://::1":                        "brackets",
		"redis://[::1":                       "brackets",
		"redis://:s3cr3t@host/s3cr3t":        "DATABASE is no number",
		"redis://host/-1":                    "DATABASE is no number",
		"redis://host/1/2":                   "DATABASE is no number",
		"redis://:s3cr3t@host/0?s3cr3t":      "takes no ?",
		"redis://:s3cr3t#@host/0":            "takes no ?",
		"redis://:s3cr3t%zz@host/0":          "no %XX: write %25",
		"redis://a,b/0":                      "one Redis server only",
		"rediss://a,b/0":                     "one Redis server only",
		"redis+sentinel://:s3cr3t@host":      "name for the master is missing",
		"redis+sentinel://host//0":           "name for the master is missing",
		"redis+sentinel://host,/mymaster":    "HOST or PORT is missing",
		"redis+sentinel://host/mymaster/abc": "DATABASE is no number",
		"redis+cluster://":                   "HOST or PORT is missing",
		"redis+cluster://a,,b":               "HOST or PORT is missing",
		"redis+cluster://:s3cr3t@a/1":        "no DATABASE but 0",
	} {
		t.Run(at, func(t *testing.T) {
			_, err := Parse(at)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("%v; want %q", err, want)
			}
			if _, ok := errors.AsType[*FormError](err); !ok {
				t.Errorf("a %T", err)
			}
			if strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("tells the password: %v", err)
			}
		})
	}
}

// FuzzLocation: whatever is accepted names a server, and prints as a location
// that means the same place.
func FuzzLocation(f *testing.F) {
	for _, seed := range []string{
		"redis:h:1", "redis:/s", "redis://u:p@h:1/2", "rediss://[::1]", "redis+sentinel://a,b:2/m/3", "redis://%41:%42@h", "redis+cluster://a,b:1", "redis:#:1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, at string) {
		l, err := Parse(at)
		if err != nil {
			return
		}
		if len(l.servers) == 0 || !Is(at) {
			t.Fatalf("%q: %v", at, l)
		}
		again, err := Parse(l.String())
		if err != nil || again.String() != l.String() {
			t.Errorf("%q prints as %q, that as %q: %v", at, l, again, err)
		}
	})
}
