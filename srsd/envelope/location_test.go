package envelope

import (
	"strings"
	"testing"

	"postern/internal/redisserver"
)

// TestLocation: what a Redis server is called is tested in package redisserver.
func TestLocation(t *testing.T) {
	for _, test := range []struct{ at, want string }{
		{"sqlite:/var/lib/postern/senders.db", "sqlite:/var/lib/postern/senders.db"},
		{"sqlite:senders.db", "sqlite:senders.db"},
		{"sqlite:/a?b=c&mode=memory#d%41.db", "sqlite:/a?b=c&mode=memory#d%41.db"},
		{"redis:localhost:6379", "redis://localhost:6379/0"},
		{"redis:/run/redis/redis.sock", "redis:/run/redis/redis.sock"},
		{"redis://:s3cr3t@db.example:6379/1", "redis://db.example:6379/1"},
		{"rediss://user:s3cr3t@db.example/2", "rediss://db.example:6379/2"},
		{"redis+sentinel://s1.example/mymaster", "redis+sentinel://s1.example:26379/mymaster/0"},
		{"redis+sentinel://:s3cr3t@s1,s2:1,[::1]/mymaster/4", "redis+sentinel://s1:26379,s2:1,[::1]:26379/mymaster/4"},
		{"redis+cluster://:s3cr3t@c1,c2:1", "redis+cluster://c1:6379,c2:1"},
	} {
		t.Run(test.at, func(t *testing.T) {
			l, err := parse(test.at)
			if err != nil || l.String() != test.want {
				t.Errorf("%v, %v; want %s", l, err, test.want)
			}
			if err := Validate(test.at); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMalformedLocation(t *testing.T) {
	for at, want := range map[string]string{
		"":                              "no known kind of store",
		"/var/lib/senders.db":           "no known kind of store",
		"mysql:x":                       "no known kind of store",
		"rediss:host:1":                 "no known kind of store",
		"redis+sentinel:host:1":         "no known kind of store",
		"sqlite:":                       "no file is named",
		"sqlite::memory:":               "plain path",
		"sqlite:file:/x?mode=memory":    "plain path",
		"sqlite:/a\x00b":                "no NUL",
		"redis:":                        "no Redis server is named",
		"redis:s3cr3t@host:6379x":       "no Redis server is named",
		"redis:///0":                    "HOST or PORT is missing",
		"redis://:s3cr3t@:6379":         "HOST or PORT is missing",
		"redis://:s3cr3t@host:s3cr3t":   "HOST or PORT is missing",
		"redis://:s3cr3t@host/s3cr3t":   "DATABASE is no number",
		"redis://:s3cr3t@host/0?s3cr3t": "takes no ?",
		"redis://:s3cr3t#@host/0":       "takes no ?",
		"redis://:s3cr3t%zz@host/0":     "no %XX",
		"redis+sentinel://:s3cr3t@host": "name for the master is missing",
	} {
		t.Run(at, func(t *testing.T) {
			err := Validate(at)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("%v; want %q", err, want)
			}
			if strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("tells the password: %v", err)
			}
		})
	}
}

// FuzzLocation: whatever is accepted names a file or a server, and prints as a
// location that means the same place.
func FuzzLocation(f *testing.F) {
	for _, seed := range []string{
		"sqlite:/x", "redis:h:1", "redis:/s", "redis://u:p@h:1/2", "rediss://[::1]", "redis+sentinel://a,b:2/m/3", "redis://%41:%42@h",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, at string) {
		l, err := parse(at)
		if err != nil {
			return
		}
		if (l.path == "") != redisserver.Is(l.String()) {
			t.Fatalf("%q: %+v", at, l)
		}
		again, err := parse(l.String())
		if err != nil || again.String() != l.String() {
			t.Errorf("%q prints as %q, that as %q: %v", at, l, again, err)
		}
	})
}
