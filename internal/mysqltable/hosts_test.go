package mysqltable

import (
	"slices"
	"strings"
	"testing"
)

func TestHosts(t *testing.T) {
	sock := "unix:/run/mysqld/mysqld.sock"
	none := clientOptions{}
	for _, c := range []struct {
		name, list string
		options    clientOptions
		want       []string
	}{
		{"default", "", none, []string{sock}},
		{"separators only", " , ", none, []string{sock}},
		{"localhost is the socket", "localhost", none, []string{sock}},
		{"localhost in any case, with inet and port", "inet:LocalHost:3307", none, []string{sock}},
		{"unix", "unix:/tmp/s", none, []string{"unix:/tmp/s"}},
		{"address", "127.0.0.1", none, []string{"127.0.0.1:3306"}},
		{"address and port", "127.0.0.1:3307", none, []string{"127.0.0.1:3307"}},
		{"inet", "inet:db.example", none, []string{"db.example:3306"}},
		{"inet and port", "inet:db.example:03307", none, []string{"db.example:3307"}},
		{"service name", "db.example:smtp", none, []string{"db.example:25"}},
		{"IPv6", "::1:3306", none, []string{"[::1]:3306"}},
		{"inet IPv6", "inet:2001:db8::5:3306", none, []string{"[2001:db8::5]:3306"}},
		{"unix first, else in order", "b.example,unix:/s1\ta.example:1\nunix:/s2", none,
			[]string{"unix:/s1", "unix:/s2", "b.example:3306", "a.example:1"}},
		{"option socket", "localhost unix:/tmp/s", clientOptions{socket: "/x"}, []string{"unix:/x", "unix:/tmp/s"}},
		{"option port fills the gap", "a b:1", clientOptions{port: 99}, []string{"a:99", "b:1"}},
		{"option host takes localhost's place", "localhost", clientOptions{host: "db.example", port: 7}, []string{"db.example:7"}},
		{"option host takes the socket's place", "unix:/s", clientOptions{host: "db.example"}, []string{"db.example:3306"}},
		{"option host does not touch names", "a", clientOptions{host: "db.example"}, []string{"a:3306"}},
		{"option hosts", "", clientOptions{host: "a,b"}, []string{"a:3306", "b:3306"}},
		{"option host localhost", "localhost", clientOptions{host: "localhost"}, []string{sock}},
		{"option protocol TCP", "localhost", clientOptions{tcp: true}, []string{"localhost:3306"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			hosts, err := parseHosts(c.list)
			if err != nil {
				t.Fatal(err)
			}
			if got := addresses(hosts, c.options); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestHostsBad(t *testing.T) {
	for _, c := range []struct{ list, want string }{
		{"a:nosuchservice-x", `host "a:nosuchservice-x": unknown service "nosuchservice-x": write a port number or a name of /etc/services`},
		{"a:", `host "a:": unknown service "": write a port number or a name of /etc/services`},
		{"a:0", `host "a:0": unknown service "0": write a port number or a name of /etc/services`},
		{"a:65536", `host "a:65536": port 65536 is above 65535`},
		{"a:99999999999999999999", `host "a:99999999999999999999": port 99999999999999999999 is above 65535`},
		{"unix:/a:b:1", `host "unix:/a:b:1": a socket path must not contain ':'`},
		{"unix:var/s", `host "unix:var/s": a socket path must be absolute: write unix:/run/mysqld/mysqld.sock`},
		{"[::1]:3306", `host "[::1]:3306": brackets are no part of an address here: write ::1:3306`},
		{"::1", `host "::1": an IPv6 address needs its port: write ::1:3306`},
	} {
		t.Run(c.list, func(t *testing.T) {
			if _, err := parseHosts(c.list); err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func FuzzHosts(f *testing.F) {
	f.Add("unix:/s, inet:a:1 b ::1:3306")
	f.Fuzz(func(t *testing.T, list string) {
		if strings.Count(list, ":") > 8 || strings.ContainsAny(list, "abcdefghijklmnopqrstuvwxyz") && strings.Contains(list, ":") && len(list) > 40 {
			return // service names are looked up in a file
		}
		hosts, err := parseHosts(list)
		if err == nil && len(addresses(hosts, clientOptions{})) < 1 {
			t.Fatalf("no host in %q", list)
		}
	})
}
