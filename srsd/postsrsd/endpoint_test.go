package postsrsd

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEndpoints(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	long := "/" + strings.Repeat("x", 106)
	tests := []struct {
		text      string
		want      Endpoint
		listeners string // in Postfix's spelling
	}{
		{"unix:/var/spool/postfix/srs", Endpoint{"unix", "/var/spool/postfix/srs"}, "unix:/var/spool/postfix/srs"},
		{"local:/run/srs", Endpoint{"unix", "/run/srs"}, "unix:/run/srs"},
		{"unix:srs", Endpoint{"unix", "srs"}, "unix:" + filepath.Join(wd, "srs")},
		{"unix:" + long, Endpoint{"unix", long}, "unix:" + long},
		{"unix:a:b", Endpoint{"unix", "a:b"}, "unix:" + filepath.Join(wd, "a:b")},
		{"inet:127.0.0.1:10003", Endpoint{"tcp", "127.0.0.1:10003"}, "inet:127.0.0.1:10003"},
		{"inet:mx.example.com:10003", Endpoint{"tcp", "mx.example.com:10003"}, "inet:mx.example.com:10003"},
		{"inet:[::1]:10003", Endpoint{"tcp", "[::1]:10003"}, "inet:[::1]:10003"},
		{"inet:[127.0.0.1]:10003", Endpoint{"tcp", "127.0.0.1:10003"}, "inet:127.0.0.1:10003"},
		{"inet:*:10003", Endpoint{"tcp", ":10003"}, "inet:[::]:10003"},
		{"inet:[*]:10003", Endpoint{"tcp", ":10003"}, "inet:[::]:10003"},
		{"inet4:*:10003", Endpoint{"tcp4", ":10003"}, "inet:0.0.0.0:10003"},
		{"inet6:*:10003", Endpoint{"tcp6", ":10003"}, "inet:[::]:10003"},
		{"inet:10003", Endpoint{"tcp", "localhost:10003"}, "inet:127.0.0.1:10003 inet:[::1]:10003"},
		{"inet:localhost:10003", Endpoint{"tcp", "localhost:10003"}, "inet:127.0.0.1:10003 inet:[::1]:10003"},
		{"inet4:localhost:10003", Endpoint{"tcp4", "localhost:10003"}, "inet:127.0.0.1:10003"},
		{"inet6:10003", Endpoint{"tcp6", "localhost:10003"}, "inet:[::1]:10003"},
		{"inet:127.0.0.1:smtp", Endpoint{"tcp", "127.0.0.1:25"}, "inet:127.0.0.1:25"},
		{"inet:127.0.0.1:0", Endpoint{"tcp", "127.0.0.1:0"}, "inet:127.0.0.1:0"},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			e, err := ParseEndpoint(test.text)
			if err != nil {
				t.Fatal(err)
			}
			if e != test.want {
				t.Errorf("got %v, want %v", e, test.want)
			}
			var listeners []string
			for _, l := range e.Listeners() {
				listeners = append(listeners, l.String())
			}
			if got := strings.Join(listeners, " "); got != test.listeners {
				t.Errorf("listens on %s, want %s", got, test.listeners)
			}
		})
	}
}

func TestBadEndpoints(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    `"" is no endpoint: write unix:PATH or inet:HOST:PORT`,
		"/run/srs":                            `"/run/srs" is no endpoint: write unix:PATH or inet:HOST:PORT`,
		"UNIX:/run/srs":                       `"UNIX:/run/srs" is no endpoint: write unix:PATH or inet:HOST:PORT`,
		"tcp:10003":                           `"tcp:10003" is no endpoint: write unix:PATH or inet:HOST:PORT`,
		"unix:":                               "the endpoint has no path: write unix:PATH",
		"unix:" + strings.Repeat("x", 108):    "the path of the socket has 108 bytes: 107 is the most",
		"unix:a\x00b":                         "the path of the socket has a NUL in it",
		"inet:":                               `the endpoint "": "" is no port: write a number from 1 to 65535`,
		"inet:localhost:":                     `the endpoint "localhost:": "" is no port: write a number from 1 to 65535`,
		"inet::10003":                         `the endpoint ":10003" has no host: write inet:*:PORT for every address, inet:PORT for loopback`,
		"inet:::1:10003":                      `the endpoint "::1:10003" has no host: write inet:*:PORT for every address, inet:PORT for loopback`,
		"inet:fe80::1:10003":                  `the endpoint "fe80::1:10003" has too many colons: write an IPv6 address in brackets, inet:[ADDRESS]:PORT`,
		"inet:[::1":                           `the endpoint "[::1" has a [ and no ADDRESS]:PORT behind it: write inet:[ADDRESS]:PORT`,
		"inet:[::1]10003":                     `the endpoint "[::1]10003" has a [ and no ADDRESS]:PORT behind it: write inet:[ADDRESS]:PORT`,
		"inet:[]:10003":                       `the endpoint "[]:10003" has a [ and no ADDRESS]:PORT behind it: write inet:[ADDRESS]:PORT`,
		"inet:localhost:65536":                `the endpoint "localhost:65536": "65536" is no port: write a number from 1 to 65535`,
		"inet:localhost:-1":                   `the endpoint "localhost:-1": "-1" is no port: write a number from 1 to 65535`,
		"inet:localhost:99999999999999999999": `the endpoint "localhost:99999999999999999999": "99999999999999999999" is no port: write a number from 1 to 65535`,
		"inet:localhost:no-such-service":      `the endpoint "localhost:no-such-service": "no-such-service" is no port, and no service that /etc/services knows: write a number from 1 to 65535`,
	} {
		t.Run(shown(text), func(t *testing.T) {
			if _, err := ParseEndpoint(text); err == nil || err.Error() != want {
				t.Errorf("\n got %v\nwant %s", err, want)
			}
		})
	}
}

func TestDatabases(t *testing.T) {
	tests := []struct {
		text string
		want Database
		err  string
	}{
		{text: "sqlite:senders.db", want: Database{"sqlite", "", "senders.db"}},
		{text: "sqlite:/var/lib/a:b.db", want: Database{"sqlite", "", "/var/lib/a:b.db"}},
		{text: "redis:localhost:6379", want: Database{"redis", "tcp", "localhost:6379"}},
		{text: "redis:/run/redis.sock", want: Database{"redis", "unix", "/run/redis.sock"}},
		{text: "redis:run/a:b.sock", want: Database{"redis", "unix", "run/a:b.sock"}},
		{text: "redis:localhost", want: Database{"redis", "unix", "localhost"}},
		{text: "", err: `"" is no database: write sqlite:FILE, redis:HOST:PORT or redis:/PATH`},
		{text: "senders.db", err: `"senders.db" is no database: write sqlite:FILE, redis:HOST:PORT or redis:/PATH`},
		{text: "sqlite:", err: "the database has no file: write sqlite:FILE"},
		{text: "redis:", err: "the database has no server: write redis:HOST:PORT or redis:/PATH"},
		{text: "redis::6379", err: "the database has no host: write redis:HOST:PORT"},
		{text: "redis://localhost:6379/0", err: "redis: is not followed by // here: write redis:HOST:PORT or redis:/PATH"},
		{text: "redis:localhost:", err: `"" is no port of a database: write redis:HOST:PORT`},
		{text: "redis:localhost:0", err: `"0" is no port of a database: write redis:HOST:PORT`},
		{text: "redis:[::1]:6379", err: `":1]:6379" is no port of a database: write redis:HOST:PORT`},
		{text: "redis:localhost:65536", err: `"65536" is no port of a database: write redis:HOST:PORT`},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			got, err := ParseDatabase(test.text)
			if text := errorText(err); got != test.want || text != test.err {
				t.Errorf("got %+v, %q", got, text)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestListenersOfDefaults(t *testing.T) {
	tests := []struct{ addr, options, want string }{
		{"127.0.0.1", "", "inet:127.0.0.1:10001"},
		{"::1", "", "inet:[::1]:10001"},
		{"0.0.0.0", "-4", "inet:0.0.0.0:10001"},
		{"", "", "inet:127.0.0.1:10001 inet:[::1]:10001"},
		{"*", "", "inet:127.0.0.1:10001 inet:[::1]:10001"},
		{"localhost", "", "inet:127.0.0.1:10001 inet:[::1]:10001"},
		{"", "-4", "inet:127.0.0.1:10001"},
		{"", "-6", "inet:[::1]:10001"},
		{"mx.example.com", "", "inet:mx.example.com:10001"},
	}
	for _, test := range tests {
		t.Run(test.addr+test.options, func(t *testing.T) {
			d, err := ParseDefaults("f", []byte("SRS_DOMAIN=a.example SRS_LISTEN_ADDR='"+test.addr+"' SRS_EXTRA_OPTIONS="+test.options), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			var forward, reverse []string
			for _, l := range d.Forward() {
				forward = append(forward, l.String())
			}
			for _, l := range d.Reverse() {
				reverse = append(reverse, strings.Replace(l.String(), ":10002", ":10001", 1))
			}
			if got := strings.Join(forward, " "); got != test.want || !slices.Equal(forward, reverse) {
				t.Errorf("forward on %s, reverse on %s", got, reverse)
			}
		})
	}
}
