package main

import (
	"slices"
	"testing"
)

// Mail to user@[address of ours] is local to Postfix: the key search has to
// ask for "user" alone there.
func TestInterfaceLiterals(t *testing.T) {
	for _, test := range []struct {
		interfaces string
		want       []string
	}{
		{"", nil},
		{"127.0.0.1", []string{"[127.0.0.1]"}},
		{"192.0.2.1, [2001:db8::1]", []string{"[192.0.2.1]", "[ipv6:2001:db8::1]"}},
		{"loopback-only", []string{"[127.0.0.1]", "[ipv6:::1]"}},
		{"no-such-host.invalid 192.0.2.2", []string{"[192.0.2.2]"}},
	} {
		if got := literals(t.Context(), postfixList(test.interfaces)); !slices.Equal(got, test.want) {
			t.Errorf("literals(%q) = %q, want %q", test.interfaces, got, test.want)
		}
	}
	if got := literals(t.Context(), []string{"all"}); !slices.Contains(got, "[127.0.0.1]") {
		t.Errorf("literals of all interfaces = %q, want the loopback address among them", got)
	}
}
