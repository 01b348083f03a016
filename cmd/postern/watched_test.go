package main

import "testing"

func TestRoleMetrics(t *testing.T) {
	tests := []struct {
		name, at, want string
		aside          int
	}{
		{"serve, not set", "", "inet:127.0.0.1:9725", 0},
		{"serve", "inet:192.0.2.1:9000", "inet:192.0.2.1:9000", 0},
		{"alone, not set", "", "inet:127.0.0.1:9728", 3},
		{"alone", "inet:127.0.0.1:9725", "inet:127.0.0.1:9728", 3},
		{"alone, every address", "inet::9725", "inet::9729", 4},
		{"alone, IPv6", "inet:[::1]:9725", "inet:[::1]:9726", 1},
		{"any port", "inet:127.0.0.1:0", "inet:127.0.0.1:0", 2},
		{"no port behind it", "inet:127.0.0.1:65534", "inet:127.0.0.1:65534", 2},
		{"a unix socket", "unix:/run/metrics", "unix:/run/metrics", 2},
		{"handed over", "fd:metrics", "fd:metrics", 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := (role{aside: test.aside}).metrics(test.at); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}
